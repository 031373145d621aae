import type { LootItem, LootKind, Recording, TheftInfo } from '../model.ts';
import { fill, h } from './dom.ts';
import type { Exchange } from './exchange.ts';
import { icon } from './icons.ts';
import { lootIcons } from './parties.ts';
import { findDecisive, findUses } from './uses.ts';

/** What the thief wants, what he holds, and what he gets for it. */
export interface ThiefPane {
  readonly element: HTMLElement;
  /** Before the theft: what there is to steal. */
  prepare(theft: TheftInfo): void;
  /** After so many events of a recording. */
  show(recording: Recording, position: number): void;
}

/** `steal`: pressed on something that is not stolen yet. */
export function createThiefPane(steal: () => void): ThiefPane {
  return new ThiefsThings(steal);
}

class ThiefsThings implements ThiefPane {
  readonly element: HTMLElement;
  readonly #cards = h('ul', { class: 'loot-cards' });
  readonly #screen = h('div', { class: 'screen', hidden: true });
  readonly #steal: () => void;
  #wanted: readonly LootKind[] = [];
  #shown = '';

  constructor(steal: () => void) {
    this.#steal = steal;
    this.element = h('div', { class: 'thief-pane' }, this.#screen, this.#cards);
  }

  prepare(theft: TheftInfo): void {
    this.#wanted = theft.loot;
    this.#shown = '';
    this.#screen.hidden = true;
    this.#showWanted(true);
  }

  show(recording: Recording, position: number): void {
    const events = recording.events.slice(0, position);
    const items = events.flatMap((event) => (event.type === 'loot' ? event.items : []));
    const use = latestUse(recording, position);
    const state = `${items.length} ${use?.id}`;
    if (state === this.#shown) return;
    this.#shown = state;
    if (items.length > 0) fill(this.#cards, ...items.map(itemCard));
    else this.#showWanted(false);
    this.#screen.hidden = use === undefined;
    if (use !== undefined) fill(this.#screen, ...screenOf(use));
  }

  #showWanted(ready: boolean): void {
    const cards = this.#wanted.map((kind) => card(kind, 'not stolen yet', 'waiting'));
    if (ready) cards[0]?.append(this.#stealButton());
    fill(this.#cards, ...cards);
  }

  #stealButton(): HTMLButtonElement {
    const press = { type: 'button', class: 'button small', 'aria-keyshortcuts': 'S', onclick: this.#steal };
    return h('button', press, 'Steal', h('kbd', { 'aria-hidden': 'true' }, 'S'));
  }
}

/** The thief's last one so far; at the end the one that counts. */
function latestUse(recording: Recording, position: number): Exchange | undefined {
  const uses = findUses(recording);
  if (uses.length > 0 && position === recording.events.length) return findDecisive(recording);
  return uses.findLast(({ response }) => response !== undefined && response.seq <= position);
}

function itemCard({ kind, where, value, outOfReach }: LootItem): HTMLElement {
  if (value !== null) return card(kind, where, 'taken');
  return card(kind, outOfReach ?? 'out of his reach', 'void');
}

function card(kind: LootKind, where: string, state: 'waiting' | 'taken' | 'void'): HTMLElement {
  const words = h(
    'span',
    { class: 'loot-words' },
    h('strong', {}, kind),
    h('span', { class: 'where' }, where),
  );
  return h('li', { class: `loot-card ${state}` }, icon(state === 'void' ? 'dash' : lootIcons[kind]), words);
}

function screenOf({ response }: Exchange): readonly Node[] {
  if (response === undefined) return [];
  if (response.verdict === 'accepted')
    return [screenHead('open', 'works', 'What the thief sees'), ...answerRows(response.body)];
  const why = response.decidedBy === null ? '' : `, by the check ${response.decidedBy}`;
  return [screenHead('locked', 'blocked', `${response.status} refused${why}`)];
}

function screenHead(shape: 'open' | 'locked', tone: string, text: string): HTMLElement {
  return h('p', { class: `screen-head ${tone}` }, icon(shape), text);
}

/** The members of a JSON answer, else its text. */
function answerRows(body: string | null): readonly Node[] {
  const members = readMembers(body);
  if (members === undefined) return body === null ? [] : [h('pre', {}, body.slice(0, 300))];
  const rows = Object.entries(members).slice(0, 6);
  return [
    h(
      'dl',
      { class: 'screen-rows' },
      ...rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, toText(value)))),
    ),
  ];
}

function readMembers(body: string | null): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
