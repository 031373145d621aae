import { type Counter, createCounter } from './counter.ts';
import { fill, h } from './dom.ts';
import type { Chapter } from './guide.ts';
import { type IconName, icon } from './icons.ts';

/** What just happened, in one line, and the one button that leads on. */
export interface Hero {
  readonly element: HTMLElement;
  readonly counter: Counter;
  /** `again`: whether the same theft can be run once more. */
  show(chapter: Chapter, kicker: string, again: boolean): void;
  busy(): void;
  focus(): void;
}

export interface HeroTells {
  readonly next: () => void;
  readonly again: () => void;
}

const shapes: Readonly<Record<Chapter['tone'], IconName>> = {
  ready: 'token',
  works: 'open',
  blocked: 'locked',
  hurts: 'bell',
  void: 'dash',
};

const nextShapes: Readonly<Record<Chapter['next']['act'], IconName>> = {
  steal: 'thief',
  bind: 'shield',
  cleverer: 'thief',
  matrix: 'grid',
};

export function createHero(tells: HeroTells): Hero {
  return new Headline(tells);
}

class Headline implements Hero {
  readonly element: HTMLElement;
  readonly counter: Counter = createCounter();
  readonly #seal = h('div', { class: 'seal', 'aria-hidden': 'true' });
  readonly #kicker = h('p', { class: 'kicker' });
  readonly #title = h('h2', { id: 'headline' });
  readonly #text = h('p', { id: 'story-text' });
  readonly #next = h('button', { type: 'button', id: 'story-next', class: 'button primary big' });
  readonly #again = h('button', { type: 'button', id: 'story-again', class: 'button quiet' });

  constructor({ next, again }: HeroTells) {
    this.#next.addEventListener('click', next);
    this.#again.addEventListener('click', again);
    this.#again.append(icon('again'), h('span', {}, 'Steal again'));
    const words = h('div', { class: 'hero-words' }, this.#kicker, this.#title, this.#text);
    const acts = h('div', { class: 'acts' }, this.#next, this.#again);
    const children = [this.#seal, words, this.counter.element, acts];
    this.element = h('section', { class: 'hero', 'aria-labelledby': 'headline' }, ...children);
  }

  show({ tone, headline, text, next }: Chapter, kicker: string, again: boolean): void {
    this.element.dataset['tone'] = tone;
    fill(this.#seal, icon(shapes[tone]));
    fill(this.#kicker, kicker);
    fill(this.#title, headline);
    fill(this.#text, text);
    this.#next.removeAttribute('aria-disabled');
    this.#next.dataset['act'] = next.act;
    this.#next.classList.toggle('glow', next.act === 'bind' || next.act === 'cleverer');
    fill(this.#next, icon(nextShapes[next.act]), next.label);
    this.#again.hidden = !again;
  }

  busy(): void {
    this.element.dataset['tone'] = 'ready';
    fill(this.#seal, icon('thief'));
    this.#next.setAttribute('aria-disabled', 'true');
    this.#next.classList.remove('glow');
    fill(this.#next, icon('thief'), 'Stealing…');
    this.#again.hidden = true;
  }

  focus(): void {
    this.#next.focus({ preventScroll: true });
  }
}
