import type { CheckId } from '../model.ts';
import { fill, h } from './dom.ts';
import { type IconName, icon } from './icons.ts';
import type { Shield } from './shield.ts';

/** How the parts of the story stand together: three columns, a drawer, or four tabs on a phone. */
export interface StoryFrame {
  readonly element: HTMLElement;
  caption(text: string): void;
  /** One sentence of what went wrong; `undefined` takes it away. */
  notice(text: string | undefined): void;
  /** Checks that are switched off: a red frame says so. */
  labOnly(checks: readonly CheckId[]): void;
  openInspector(): void;
  closeInspector(): void;
}

interface Part {
  readonly element: HTMLElement;
}

export interface FrameParts {
  readonly parts: readonly [
    hero: Part,
    stage: Part,
    player: Part,
    inspector: Part,
    strip: Part,
    thief: Part,
    chooser: Part,
  ];
  readonly shield: Shield;
  readonly matrix: () => void;
  readonly checkOn: () => void;
}

export function createFrame(parts: FrameParts): StoryFrame {
  return new Frame(parts);
}

class Frame implements StoryFrame {
  readonly element: HTMLElement;
  readonly #caption = h('p', { class: 'caption', id: 'caption' });
  readonly #notice = h('div', { class: 'notice', role: 'alert', hidden: true });
  readonly #lab = h('div', { class: 'lab-only', hidden: true });
  readonly #inspector: HTMLElement;
  readonly #opener: HTMLButtonElement;
  readonly #checkOn: () => void;
  #tabs: readonly HTMLButtonElement[] = [];
  #before: Element | null = null;

  constructor({ parts, shield, matrix, checkOn }: FrameParts) {
    const [hero, stage, player, inspector, strip, thief, chooser] = parts.map(({ element }) => element);
    this.#checkOn = checkOn;
    this.#inspector = h('aside', { class: 'inspect panel', 'aria-label': 'Inspector' }, inspector);
    this.#opener = h(
      'button',
      { type: 'button', class: 'button small opener', onclick: () => this.openInspector() },
      icon('eye'),
      'Inspect',
    );
    const side = [
      section('shield-panel', 'Shield', null, shield.shield),
      section('thief-panel', 'Thief', shield.wait, shield.theft, thief),
    ];
    const head = h(
      'div',
      { class: 'panel-head' },
      h('h2', { class: 'label' }, 'Stage'),
      this.#lab,
      this.#opener,
    );
    const below = h('div', { class: 'below' }, this.#caption, player);
    const middle = h('section', { class: 'stage panel', 'aria-label': 'Stage' }, head, stage, below);
    const children = [
      h('div', { class: 'lead' }, hero, this.#notice),
      h('div', { class: 'side' }, ...side),
      middle,
      this.#inspector,
      strip,
      this.#bottom(matrix),
      chooser,
    ];
    this.element = h('div', { class: 'story', 'data-part': 'stage' }, ...children);
  }

  caption(text: string): void {
    this.#caption.textContent = text;
  }

  notice(text: string | undefined): void {
    this.#notice.hidden = text === undefined;
    fill(this.#notice, icon('bell'), text);
  }

  labOnly(checks: readonly CheckId[]): void {
    this.#lab.hidden = checks.length === 0;
    this.element.classList.toggle('is-lab-only', checks.length > 0);
    const words = h(
      'span',
      {},
      h('strong', {}, 'Lab only: '),
      `check ${checks.join(' and ')} is switched off`,
    );
    fill(
      this.#lab,
      words,
      h('button', { type: 'button', class: 'button small', onclick: this.#checkOn }, 'Switch it on again'),
    );
  }

  openInspector(): void {
    const hidden =
      getComputedStyle(this.#inspector).visibility === 'hidden' || this.#inspector.offsetParent === null;
    this.element.classList.add('inspecting');
    this.#show('inspect');
    if (!hidden) return;
    this.#before = document.activeElement;
    this.#inspector.querySelector<HTMLElement>('[role=tab][aria-selected=true]')?.focus();
  }

  closeInspector(): void {
    if (!this.element.classList.contains('inspecting')) return;
    this.element.classList.remove('inspecting');
    this.#show('stage');
    if (this.#before instanceof HTMLElement && this.#inspector.contains(document.activeElement))
      this.#before.focus();
    this.#before = null;
  }

  /** On a phone: one part at a time. */
  #bottom(matrix: () => void): HTMLElement {
    const parts: readonly (readonly [part: string, name: string, shape: IconName])[] = [
      ['shield', 'Shield', 'shield'],
      ['stage', 'Stage', 'forward'],
      ['inspect', 'Inspect', 'eye'],
    ];
    this.#tabs = parts.map(([part, name, shape]) =>
      h('button', { type: 'button', 'data-part': part, onclick: () => this.#turn(part) }, icon(shape), name),
    );
    const last = h('button', { type: 'button', onclick: matrix }, icon('grid'), 'Matrix');
    this.#mark('stage');
    return h('nav', { class: 'bottom', 'aria-label': 'Parts of the story' }, ...this.#tabs, last);
  }

  #turn(part: string): void {
    this.element.classList.toggle('inspecting', part === 'inspect');
    this.#show(part);
    scrollTo({ top: 0 });
  }

  #show(part: string): void {
    this.element.dataset['part'] = part;
    this.#mark(part);
  }

  #mark(part: string): void {
    for (const tab of this.#tabs) tab.setAttribute('aria-current', String(tab.dataset['part'] === part));
  }
}

/** `corner`: stands beside the title. */
function section(
  name: string,
  title: string,
  corner: Node | null,
  ...children: readonly (Node | undefined)[]
): HTMLElement {
  const head = h('div', { class: 'panel-head' }, h('h2', { class: 'label' }, title), corner);
  return h('section', { class: `${name} panel`, 'aria-label': title }, head, ...children);
}
