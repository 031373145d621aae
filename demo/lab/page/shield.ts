import type { Catalogue, ProfileInfo, Seconds, TheftInfo } from '../model.ts';
import { durationText } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import { waitsWith } from './duration.ts';
import { icon } from './icons.ts';

/** What protects the server, which theft is tried, and how long the thief waits: all to be chosen. */
export interface Shield {
  readonly shield: HTMLElement;
  /** Which theft, and how long he waits: these stand in the thief's own panel. */
  readonly theft: HTMLElement;
  readonly wait: HTMLElement;
  show(choice: { readonly profile: string; readonly theft: string; readonly wait: Seconds }): void;
}

export interface ShieldTells {
  readonly profile: (id: string) => void;
  readonly wait: (seconds: Seconds) => void;
  /** Opens the search over all of them. */
  readonly search: (kinds: 'profile' | 'theft') => void;
}

/** The ones to begin with; those that the catalogue does not have are left out. */
const presets: readonly (readonly [id: string, label: string])[] = [
  ['M00', 'Bearer'],
  ['M03', 'Short token'],
  ['M13', 'IP list'],
  ['M21', 'Fingerprint'],
  ['D5', 'DPoP'],
  ['D9', 'DPoP + nonce'],
  ['X5', 'Everything'],
];

export function createShield(catalogue: Catalogue, tells: ShieldTells): Shield {
  return new ChoosingShield(catalogue, tells);
}

class ChoosingShield implements Shield {
  readonly shield: HTMLElement;
  readonly theft: HTMLElement;
  readonly wait: HTMLElement;
  readonly #catalogue: Catalogue;
  readonly #chips: readonly HTMLButtonElement[];
  readonly #about = h('div', { class: 'about' });
  readonly #theftButton: HTMLButtonElement;
  readonly #wait = h('select', { id: 'wait' });

  constructor(catalogue: Catalogue, tells: ShieldTells) {
    this.#catalogue = catalogue;
    this.#chips = presetChips(catalogue, tells.profile);
    const search = (): void => tells.search('profile');
    const all = h('button', { type: 'button', class: 'chip more', onclick: search }, icon('search'), 'All');
    all.setAttribute('aria-label', 'All profiles, with search');
    const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Profile' }, ...this.#chips, all);
    this.shield = h('div', { class: 'shield' }, chips, this.#about);
    this.#theftButton = h('button', { type: 'button', class: 'pick', onclick: () => tells.search('theft') });
    this.#wait.addEventListener('change', () => tells.wait(Number(this.#wait.value)));
    this.wait = h('label', { class: 'field wait' }, 'uses it after', this.#wait);
    this.theft = h('div', { class: 'theft-choice' }, this.#theftButton);
  }

  show({ profile, theft, wait }: { profile: string; theft: string; wait: Seconds }): void {
    for (const chip of this.#chips) chip.setAttribute('aria-pressed', String(chip.value === profile));
    fill(this.#about, ...aboutProfile(this.#catalogue.profiles.find(({ id }) => id === profile)));
    const info = this.#catalogue.thefts.find(({ id }) => id === theft);
    fill(this.#theftButton, ...theftLabel(info));
    this.#theftButton.title = info?.ability ?? '';
    this.#wait.disabled = info?.timed === false;
    fill(this.#wait, ...waitsWith(wait).map((seconds) => option(seconds, wait)));
  }
}

function presetChips(catalogue: Catalogue, choose: (id: string) => void): readonly HTMLButtonElement[] {
  const known = presets.filter(([id]) => catalogue.profiles.some((profile) => profile.id === id));
  return known.map(([id, label]) => {
    const pressed = { type: 'button', class: 'chip', value: id, 'aria-pressed': 'false' };
    return h('button', { ...pressed, onclick: () => choose(id) }, label);
  });
}

function aboutProfile(profile: ProfileInfo | undefined): readonly Node[] {
  if (profile === undefined) return [];
  const parameters = Object.entries(profile.parameters);
  const facts: readonly (readonly [string, string])[] = [
    ['Needs', profile.needs],
    ['Weak', profile.weak],
    ...parameters.map(([name, seconds]) => [name, durationText(seconds)] as const),
  ];
  const shown = facts.filter(([, text]) => text !== '');
  const rows = shown.map(([name, text]) => h('div', {}, h('dt', {}, name), h('dd', {}, text)));
  return [
    h('p', { class: 'profile-title' }, h('code', {}, profile.id), h('strong', {}, profile.title)),
    h('p', { class: 'profile-story' }, profile.story),
    h(
      'details',
      {},
      h('summary', {}, 'What it needs, where it is weak'),
      h('dl', { class: 'facts' }, ...rows),
    ),
  ];
}

function theftLabel(theft: TheftInfo | undefined): readonly Node[] {
  const title = h('strong', {}, theft?.title ?? '');
  return [h('code', {}, theft?.id ?? ''), title, h('span', { class: 'change' }, 'change')];
}

function option(seconds: Seconds, chosen: Seconds): HTMLOptionElement {
  return h('option', { value: seconds, selected: seconds === chosen }, durationText(seconds));
}
