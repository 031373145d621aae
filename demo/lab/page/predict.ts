import type { Cell } from '../model.ts';
import { labelOf, markOf, markSvg } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import { guessButton, lineOf, stepOf } from './predict-parts.ts';
import { type Guess, guesses, type Question, questions, rightGuesses } from './predict-questions.ts';
import type { PageContext, View } from './view.ts';

/** Guess first, then see: twelve cells that stay shut until something has been said about them. */

export function createPredict(context: PageContext): View {
  return new PredictView(context);
}

// The thief of the questions: where he sits is told by them, or makes no difference.
const seat = 'elsewhere';

class PredictView implements View {
  readonly name = 'predict';
  readonly title = 'Predict';
  readonly element: HTMLElement;
  readonly keys: View['keys'];
  readonly #context: PageContext;
  readonly #questions: readonly Question[];
  readonly #score = h('p', { class: 'predict-score' });
  readonly #steps = h('ol', { class: 'predict-steps', 'aria-label': 'Questions' });
  readonly #card = h('div', { class: 'predict-card panel' });
  /** First guesses, by number of the question: they alone count. */
  readonly #first = new Map<number, Guess>();
  /** Cells that have been opened. */
  readonly #opened = new Map<number, Cell>();
  #at = 0;
  #busy = false;
  #problem = '';

  constructor(context: PageContext) {
    this.#context = context;
    const { profiles, thefts } = context.catalogue;
    // An exported report may hold a part of the catalogue.
    this.#questions = questions.filter(
      ({ profile, theft }) =>
        profiles.some(({ id }) => id === profile) && thefts.some(({ id }) => id === theft),
    );
    this.keys = {
      ...Object.fromEntries(
        guesses.map(([guess, text], at) => [
          String(at + 1),
          { does: text, press: () => void this.#guess(guess) },
        ]),
      ),
      enter: { does: 'Next question', press: () => this.#next() },
    };
    this.element = h(
      'section',
      { class: 'predict', 'aria-labelledby': 'predict-title' },
      h('div', { class: 'matrix-top' }, h('h2', { id: 'predict-title' }, 'Predict first'), this.#score),
      this.#steps,
      this.#card,
    );
    this.#refresh();
  }

  show([number]: readonly string[]): void {
    const asked = Number(number);
    if (Number.isInteger(asked) && asked >= 1 && asked <= this.#questions.length) this.#at = asked - 1;
    this.#refresh();
  }

  hide(): void {
    // Nothing moves.
  }

  /** Opens the cell, from what is known or by measuring it. */
  async #guess(guess: Guess): Promise<void> {
    const question = this.#questions[this.#at];
    const at = this.#at;
    if (question === undefined || this.#busy || this.#opened.has(at)) return;
    this.#busy = true;
    this.#problem = '';
    if (!this.#first.has(at)) this.#first.set(at, guess);
    this.#refresh();
    const cell = await this.#find(question);
    this.#busy = false;
    if (cell === undefined) this.#problem ||= 'This report holds no measurement of it: no answer, no point.';
    else this.#opened.set(at, cell);
    if (cell === undefined || cell.outcome === 'error') this.#first.delete(at);
    this.#refresh();
    this.#tell(at);
  }

  async #find(question: Question): Promise<Cell | undefined> {
    const known = this.#known(question);
    if (known !== undefined || !this.#context.source.live) return known;
    try {
      const { profile, theft } = question;
      const wish = { profiles: [profile], thefts: [theft], seats: [seat], mode: 'full' } as const;
      await this.#context.source.run(wish, this.#context.results.take, AbortSignal.timeout(60_000));
    } catch (error) {
      // Said where the answer would stand; the question can be tried again.
      this.#problem = `It could not be measured: ${error instanceof Error ? error.message : String(error)}`;
    }
    return this.#known(question);
  }

  #known({ profile, theft }: Question): Cell | undefined {
    const cells = this.#context.results.report()?.cells ?? [];
    return cells.find((cell) => cell.profile === profile && cell.theft === theft && cell.seat === seat);
  }

  #tell(at: number): void {
    const cell = this.#opened.get(at);
    if (cell === undefined) this.#context.announce(this.#problem);
    else this.#context.announce(`${this.#isRight(at) ? 'Right' : 'Not so'}: ${labelOf(cell)}.`);
    this.#card.querySelector<HTMLElement>('.predict-next')?.focus();
  }

  #isRight(at: number): boolean {
    const guess = this.#first.get(at);
    const cell = this.#opened.get(at);
    return guess !== undefined && cell !== undefined && rightGuesses(cell).includes(guess);
  }

  #next(): void {
    if (!this.#opened.has(this.#at) && this.#problem === '') return;
    const open = this.#questions.findIndex((_, at) => at > this.#at && !this.#opened.has(at));
    const rest = this.#questions.findIndex((_, at) => !this.#opened.has(at));
    this.#go(open >= 0 ? open : rest >= 0 && rest !== this.#at ? rest : this.#questions.length);
  }

  #go(at: number): void {
    this.#at = at;
    this.#problem = '';
    this.#refresh();
    this.#card.querySelector<HTMLElement>('h3')?.focus();
  }

  #restart(): void {
    this.#first.clear();
    this.#opened.clear();
    this.#go(0);
  }

  #refresh(): void {
    const right = [...this.#opened.keys()].filter((at) => this.#isRight(at)).length;
    this.#score.textContent =
      this.#opened.size === 0 ? '' : `${right} of ${this.#first.size} right at first guess`;
    fill(this.#steps, ...this.#questions.map((question, at) => this.#step(question, at)));
    const question = this.#questions[this.#at];
    if (question === undefined) fill(this.#card, ...this.#end(right));
    else fill(this.#card, ...this.#question(question));
  }

  #step({ title }: Question, at: number): HTMLElement {
    const opened = this.#opened.get(at);
    const state = opened === undefined ? 'not opened' : this.#isRight(at) ? 'right' : 'not right';
    return stepOf(`${at + 1} ${title}`, String(at + 1), state, at === this.#at, opened, () => this.#go(at));
  }

  #question({ profile, theft, title, text, explanation }: Question): readonly (HTMLElement | null)[] {
    const cell = this.#opened.get(this.#at);
    return [
      h('p', { class: 'label' }, `Question ${this.#at + 1} of ${this.#questions.length}`),
      h('h3', { tabindex: -1 }, title),
      h('p', { class: 'predict-text' }, text),
      h(
        'p',
        { class: 'predict-pair muted' },
        `${this.#titleOf('thefts', theft)} under ${this.#titleOf('profiles', profile)}`,
      ),
      h('div', { class: 'guesses', role: 'group', 'aria-label': 'What happens?' }, ...this.#buttons(cell)),
      this.#busy
        ? h('p', { class: 'predict-answer', role: 'status' }, markSvg('running'), 'Being measured …')
        : null,
      this.#problem === '' ? null : this.#problemNote(),
      cell === undefined ? null : this.#answer(cell, explanation),
    ];
  }

  #titleOf(list: 'profiles' | 'thefts', wanted: string): string {
    return `${wanted} ${this.#context.catalogue[list].find(({ id }) => id === wanted)?.title ?? ''}`;
  }

  #buttons(cell: Cell | undefined): readonly HTMLElement[] {
    const right = cell === undefined ? [] : rightGuesses(cell);
    const closed = cell !== undefined || this.#busy;
    return guesses.map(([guess, text, more], at) => {
      const look = { chosen: this.#first.get(this.#at) === guess, right: right.includes(guess), closed };
      return guessButton(String(at + 1), text, more, look, () => void this.#guess(guess));
    });
  }

  #problemNote(): HTMLElement {
    const next = h(
      'button',
      { type: 'button', class: 'button predict-next', onclick: () => this.#next() },
      'Next question',
    );
    return h('div', { class: 'predict-answer', role: 'status' }, h('p', {}, this.#problem), next);
  }

  #answer(cell: Cell, explanation: string): HTMLElement {
    const broke = cell.outcome === 'error';
    const verdict = broke ? 'No answer' : this.#isRight(this.#at) ? 'Right' : 'Not so';
    return h(
      'div',
      { class: 'predict-answer' },
      h(
        'p',
        { class: 'verdict', 'data-mark': markOf(cell) },
        markSvg(markOf(cell), 20),
        `${verdict}: ${labelOf(cell)}.`,
      ),
      broke ? null : h('p', {}, explanation),
      h(
        'div',
        { class: 'reason-actions' },
        h(
          'button',
          { type: 'button', class: 'button primary predict-next', onclick: () => this.#next() },
          'Next question',
        ),
        h('button', { type: 'button', class: 'button', onclick: () => this.#watch() }, 'Watch it'),
      ),
    );
  }

  #watch(): void {
    const question = this.#questions[this.#at];
    if (question !== undefined) this.#context.go('cell', question.profile, question.theft, { seat });
  }

  #end(right: number): readonly HTMLElement[] {
    const sentence = `${right} of ${this.#first.size} right at first guess.`;
    return [
      h('h3', { tabindex: -1 }, 'That was all of them'),
      h('p', { class: 'predict-text' }, sentence),
      h(
        'ul',
        { class: 'predict-list' },
        ...this.#questions.map((question, at) => lineOf(question, this.#opened.get(at), this.#first.get(at))),
      ),
      h(
        'div',
        { class: 'reason-actions' },
        h('button', { type: 'button', class: 'button', onclick: () => this.#restart() }, 'Start again'),
      ),
    ];
  }
}
