import { fill, h } from './dom.ts';

/** One field of a form: its label, what is to be filled in, and below it what is wrong with that. */
export interface Field {
  readonly element: HTMLElement;
  readonly complain: (sentence: string | undefined) => void;
}

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** `beside` stands in the same line, after the control. */
export function createField(name: string, label: string, control: Control, beside?: HTMLElement): Field {
  const complaint = h('p', { class: 'bench-complaint', id: `bench-${name}-complaint`, hidden: true });
  control.id = `bench-${name}`;
  const element = h(
    'div',
    { class: 'bench-field' },
    h('label', { for: control.id }, label),
    h('div', { class: 'bench-control' }, control, beside),
    complaint,
  );
  const complain = (sentence: string | undefined): void => {
    complaint.hidden = sentence === undefined;
    fill(complaint, sentence);
    control.toggleAttribute('aria-invalid', false);
    control.removeAttribute('aria-describedby');
    if (sentence === undefined) return;
    control.setAttribute('aria-invalid', 'true');
    control.setAttribute('aria-describedby', complaint.id);
  };
  return { element, complain };
}

/** Texts as they are: nothing corrects or completes what is typed. */
export function textInput(attributes: Readonly<Record<string, string>> = {}): HTMLInputElement {
  return h('input', {
    type: 'text',
    spellcheck: 'false',
    autocomplete: 'off',
    autocapitalize: 'off',
    ...attributes,
  });
}

export function select(options: readonly (readonly [value: string, text: string])[]): HTMLSelectElement {
  return h('select', {}, ...options.map(([value, text]) => h('option', { value }, text)));
}
