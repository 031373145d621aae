import type { Catalogue } from '../model.ts';
import { fill, h } from './dom.ts';
import { icon } from './icons.ts';

/** A dialog that finds one profile or theft among all of them. */
export interface Chooser {
  readonly element: HTMLDialogElement;
  /** `both`: whatever the words match. */
  open(kinds: 'profile' | 'theft' | 'both'): void;
}

interface Entry {
  readonly kind: 'profile' | 'theft';
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly text: string;
  /** Everything that a search may hit, in lower case. */
  readonly words: string;
}

type Choose = (kind: 'profile' | 'theft', id: string) => void;

export function createChooser(catalogue: Catalogue, choose: Choose): Chooser {
  return new SearchDialog(toEntries(catalogue), choose);
}

function toEntries({ profiles, thefts }: Catalogue): readonly Entry[] {
  return [
    ...profiles.map(({ id, slug, group, title, story }) => entry('profile', id, slug, group, title, story)),
    ...thefts.map(({ id, slug, group, title, ability }) => entry('theft', id, slug, group, title, ability)),
  ];
}

function entry(
  kind: Entry['kind'],
  id: string,
  slug: string,
  group: string,
  title: string,
  text: string,
): Entry {
  return { kind, id, group, title, text, words: [id, slug, group, title, text].join(' ').toLowerCase() };
}

class SearchDialog implements Chooser {
  readonly element: HTMLDialogElement;
  readonly #title = h('h2', { id: 'chooser-title' });
  readonly #search = h('input', {
    type: 'search',
    id: 'chooser-search',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  readonly #found = h('p', { class: 'muted', role: 'status' });
  readonly #list = h('div', { class: 'choices' });
  readonly #entries: readonly Entry[];
  readonly #choose: Choose;
  #kinds: 'profile' | 'theft' | 'both' = 'both';

  constructor(entries: readonly Entry[], choose: Choose) {
    this.#entries = entries;
    this.#choose = choose;
    this.element = this.#build();
    this.#search.addEventListener('input', () => this.#filter());
    this.#search.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.#list.querySelector('button')?.click();
    });
  }

  open(kinds: 'profile' | 'theft' | 'both'): void {
    const nouns = { profile: 'a profile', theft: 'a theft', both: 'a profile or a theft' };
    this.#kinds = kinds;
    this.#title.textContent = `Choose ${nouns[kinds]}`;
    this.#search.value = '';
    this.#filter();
    this.element.showModal();
    this.#search.focus();
  }

  #build(): HTMLDialogElement {
    const close = h(
      'button',
      {
        type: 'button',
        class: 'button quiet icon-only',
        'aria-label': 'Close',
        onclick: () => this.element.close(),
      },
      icon('cross'),
    );
    const field = h('label', { class: 'field' }, 'Search by name or word', this.#search);
    return h(
      'dialog',
      { class: 'chooser', 'aria-labelledby': 'chooser-title' },
      h('div', { class: 'dialog-head' }, this.#title, close),
      h('div', { class: 'dialog-body' }, field, this.#found, this.#list),
    );
  }

  #filter(): void {
    const words = this.#search.value.toLowerCase().split(/\s+/);
    const found = this.#entries.filter(
      (entry) =>
        (this.#kinds === 'both' || entry.kind === this.#kinds) &&
        words.every((word) => entry.words.includes(word)),
    );
    this.#found.textContent =
      found.length === 0 ? 'Nothing has these words.' : `${found.length} to choose from`;
    const groups = [...new Set(found.map(({ group }) => group))];
    fill(this.#list, ...groups.map((group) => this.#section(group, found)));
  }

  #section(group: string, found: readonly Entry[]): HTMLElement {
    const members = found.filter((entry) => entry.group === group);
    const items = members.map((entry) => h('li', {}, this.#option(entry)));
    return h('section', {}, h('h3', { class: 'label' }, group), h('ul', {}, ...items));
  }

  #option({ kind, id, title, text }: Entry): HTMLButtonElement {
    const pick = (): void => {
      this.element.close();
      this.#choose(kind, id);
    };
    const words = h('span', {}, h('strong', {}, title), h('span', { class: 'muted' }, text));
    return h('button', { type: 'button', class: 'choice', onclick: pick }, h('code', {}, id), words);
  }
}
