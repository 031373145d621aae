import type { Catalogue } from '../model.ts';
import { fill, h } from './dom.ts';

/** Cells whose exchange goes along with the report, message by message. */

export interface Chosen {
  readonly profile: string;
  readonly theft: string;
}

export interface ExchangeChooser {
  readonly element: HTMLElement;
  readonly chosen: () => readonly Chosen[];
  /** `PROFILE/THEFT`, as an address names it. */
  readonly add: (profile: string, theft: string) => void;
}

const most = 20;

/** What tells the story: bearer, then DPoP, then what DPoP does not stop. */
const suggested: readonly Chosen[] = [
  { profile: 'M00', theft: 'T01' },
  { profile: 'D5', theft: 'T01' },
  { profile: 'D5', theft: 'T06' },
];

export function createExchangeChooser(catalogue: Catalogue): ExchangeChooser {
  const { profiles, thefts } = catalogue;
  let chosen = suggested.filter(
    ({ profile, theft }) =>
      profiles.some(({ id }) => id === profile) && thefts.some(({ id }) => id === theft),
  );
  const list = h('ul', { class: 'report-chosen' });
  const [profile, theft] = [createSelect(profiles), createSelect(thefts)];
  const add = h('button', { type: 'submit', class: 'button' }, 'Add');
  const draw = (): void => {
    fill(list, ...chosen.map((one) => drawChosen(one, catalogue, remove)));
    if (chosen.length === 0)
      fill(list, h('li', { class: 'muted' }, 'None: the report has its tables alone.'));
    add.disabled = chosen.length >= most;
  };
  const remove = (gone: Chosen): void => {
    chosen = chosen.filter((one) => one !== gone);
    draw();
    profile.focus(); // the button that had the focus is gone
  };
  const append = (one: Chosen): void => {
    const known = chosen.some((other) => other.profile === one.profile && other.theft === one.theft);
    if (!known && chosen.length < most) chosen = [...chosen, one];
    draw();
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    append({ profile: profile.value, theft: theft.value });
  };
  draw();
  const form = h(
    'form',
    { class: 'report-choose', onsubmit: submit },
    h('label', { class: 'field' }, 'Profile', profile),
    h('label', { class: 'field' }, 'Theft', theft),
    add,
  );
  const hint = `Each is carried out once more, and shown message by message in HTML and Markdown; at most ${most}.`;
  const element = h(
    'section',
    { class: 'panel report-exchanges' },
    h('h3', {}, 'Exchanges to take along'),
    h('p', { class: 'muted' }, hint),
    list,
    form,
  );
  return { element, chosen: () => chosen, add: (one, other) => append({ profile: one, theft: other }) };
}

function createSelect(all: readonly { readonly id: string; readonly title: string }[]): HTMLSelectElement {
  return h('select', {}, ...all.map(({ id, title }) => h('option', { value: id }, `${id} ${title}`)));
}

function drawChosen(
  one: Chosen,
  { profiles, thefts }: Catalogue,
  remove: (one: Chosen) => void,
): HTMLElement {
  const profile = profiles.find(({ id }) => id === one.profile);
  const theft = thefts.find(({ id }) => id === one.theft);
  const name = `${one.profile} × ${one.theft}`;
  return h(
    'li',
    {},
    h('span', {}, h('strong', {}, name), ` ${profile?.title ?? ''}: ${theft?.title ?? ''}`),
    h(
      'button',
      { type: 'button', class: 'chip', 'aria-label': `Leave out ${name}`, onclick: () => remove(one) },
      'Leave out',
    ),
  );
}
