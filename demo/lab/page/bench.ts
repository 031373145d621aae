import type { BenchAnswer, BenchRequest } from '../model.ts';
import { drawAnswer, sentenceFor } from './bench-answer.ts';
import { type DraftErrors, type DraftField, plainRequest, readDraft, toDraft } from './bench-draft.ts';
import { type BenchForm, createBenchForm } from './bench-form.ts';
import { createClosedBench, layOut } from './bench-layout.ts';
import { drawLog, type Try } from './bench-log.ts';
import { type Mistake, mistakes, toAliceProof } from './bench-mistakes.ts';
import { firstProfile, profilesWithProofs } from './bench-profiles.ts';
import { fill, h } from './dom.ts';
import type { PageContext, View } from './view.ts';

/** The proof bench: a valid request of Alice's, anything changed about it, and what each check says to that. */
export function createBench(context: PageContext): View {
  if (!context.source.live) return createClosedBench();
  const bench = new Bench(context);
  return {
    name: 'bench',
    title: 'Bench',
    element: bench.element,
    show: (path, query) => bench.show(path, query),
    hide: () => {},
    keys: {
      x: { does: 'send the request', press: () => bench.send() },
      u: { does: 'undo all changes', press: () => bench.undo() },
      ']': { does: 'next ready mistake', press: () => bench.step(1) },
      '[': { does: 'previous ready mistake', press: () => bench.step(-1) },
    },
  };
}

const kept = 30;

class Bench {
  readonly element: HTMLElement;
  readonly #context: PageContext;
  readonly #form: BenchForm;
  readonly #answer = h('div', { class: 'bench-result panel' });
  readonly #log = h('div', { class: 'bench-tries panel' });
  readonly #chips: ReadonlyMap<Mistake, HTMLButtonElement>;
  readonly #about = h('p', { class: 'muted bench-about' });
  /** The answer in a line, next to the chips, where there is no room for it beside them. */
  readonly #quick = h('p', { class: 'bench-quick' });
  readonly #alice = new Map<string, Promise<BenchAnswer>>();
  #tries: readonly Try[] = [];
  #compared: Try | undefined;
  #mistake: Mistake | undefined;
  #shown = false;
  /** Answers that come after a later question are not shown. */
  #asked = 0;

  constructor(context: PageContext) {
    this.#context = context;
    this.#form = createBenchForm(context.catalogue, {
      send: () => this.send(),
      moved: () => this.#suggest(),
      undo: () => this.undo(),
    });
    this.#chips = new Map(mistakes.map((mistake) => [mistake, this.#createChip(mistake)]));
    this.element = layOut(
      this.#form,
      this.#chips.values(),
      [this.#about, this.#quick],
      this.#answer,
      this.#log,
    );
    this.#form.write(toDraft(plainRequest(firstProfile(context.catalogue))));
    this.#mark(undefined);
    this.#drawLog();
  }

  show([named]: readonly string[], query: URLSearchParams): void {
    const known = profilesWithProofs(this.#context.catalogue).find(({ id }) => id === named);
    const mistake = mistakes.find(({ id }) => id === query.get('mistake'));
    const pasted = query.get('proof');
    const first = !this.#shown;
    this.#shown = true;
    if (known !== undefined || pasted !== null) this.#open(known?.id, pasted);
    if (mistake !== undefined) this.#try(mistake);
    else if (first || known !== undefined || pasted !== null) this.send();
  }

  send(): void {
    const request = readDraft(this.#form.read());
    const errors: DraftErrors = request instanceof Map ? request : new Map();
    this.#form.complain(errors);
    if (errors.size === 0) void this.#send(request as BenchRequest);
  }

  /** The request stays, the proof is Alice's own again. */
  undo(): void {
    const { profile, method, target } = this.#form.read();
    this.#form.write(toDraft(plainRequest(profile, method, target)));
    this.#form.complain(new Map());
    this.#mark(undefined);
    this.#suggest();
  }

  step(by: number): void {
    const now = this.#mistake === undefined ? (by > 0 ? -1 : 0) : mistakes.indexOf(this.#mistake);
    const next = mistakes.at((now + by) % mistakes.length);
    if (next !== undefined) this.#try(next);
  }

  #open(profile: string | undefined, pasted: string | null): void {
    const { profile: now, method, target } = this.#form.read();
    const request = plainRequest(profile ?? now, method, target);
    this.#form.write(toDraft(pasted === null ? request : { ...request, pasted }));
    this.#mark(undefined);
  }

  #createChip(mistake: Mistake): HTMLButtonElement {
    const press = (): void => this.#try(mistake);
    const attributes = { type: 'button', class: 'chip', 'aria-pressed': 'false', title: mistake.about };
    return h('button', { ...attributes, onclick: press }, mistake.title);
  }

  #try(mistake: Mistake): void {
    this.#mark(mistake);
    void this.#change(mistake);
  }

  async #change(mistake: Mistake): Promise<void> {
    const { profile, method, target } = this.#form.read();
    const request = plainRequest(profile, method, target);
    const alice = await this.#askAlice(request);
    if (alice === undefined || this.#mistake !== mistake) return;
    this.#form.write(toDraft({ ...request, ...mistake.change(toAliceProof(alice)) }));
    this.send();
  }

  #mark(mistake: Mistake | undefined): void {
    this.#mistake = mistake;
    for (const [one, chip] of this.#chips) chip.setAttribute('aria-pressed', String(one === mistake));
    fill(this.#about, mistake?.about ?? 'Fourteen mistakes, ready to be sent. Each changes one thing.');
  }

  /** Nothing for what cannot be sent: sending says why. */
  #suggest(): void {
    const { profile, method, target } = this.#form.read();
    const request = plainRequest(profile, method, target);
    if (!(readDraft(toDraft(request)) instanceof Map)) void this.#askAlice(request);
  }

  /** What Alice makes for this request; it shows in the form. */
  async #askAlice(request: BenchRequest): Promise<BenchAnswer | undefined> {
    const key = [request.profile, request.method, request.target].join(' ');
    const asked = this.#alice.get(key) ?? this.#context.source.bench(request);
    this.#alice.set(key, asked);
    try {
      const alice = await asked;
      this.#form.suggest(alice);
      return alice;
    } catch (error) {
      this.#alice.delete(key);
      this.#refuse(error);
      return undefined;
    }
  }

  async #send(request: BenchRequest): Promise<void> {
    const asked = ++this.#asked;
    this.#answer.setAttribute('aria-busy', 'true');
    this.#suggest();
    try {
      const answer = await this.#context.source.bench(request);
      if (asked !== this.#asked) return;
      this.#tries = [
        ...this.#tries,
        { number: (this.#tries.at(-1)?.number ?? 0) + 1, request, answer },
      ].slice(-kept);
      this.#draw();
      this.#context.announce(sentenceFor(answer));
    } catch (error) {
      if (asked === this.#asked) this.#refuse(error);
    } finally {
      if (asked === this.#asked) this.#answer.removeAttribute('aria-busy');
    }
  }

  /** At the field that the sentence begins with, else where the answer would stand. */
  #refuse(error: unknown): void {
    const sentence = error instanceof Error ? error.message : 'The lab does not answer.';
    const field = fieldOf(sentence);
    if (field !== undefined) this.#form.complain(new Map([[field, sentence]]));
    fill(this.#answer, h('h3', {}, 'Answer'), h('p', { class: 'notice', role: 'alert' }, sentence));
  }

  #draw(): void {
    const last = this.#tries.at(-1);
    if (last === undefined) return;
    const compared = this.#compared === last ? undefined : this.#compared;
    fill(
      this.#answer,
      h('h3', {}, `Answer to try ${last.number}`),
      drawAnswer(last, this.#context.catalogue, compared),
    );
    this.#drawQuick(last.answer);
    this.#drawLog();
  }

  #drawQuick(answer: BenchAnswer): void {
    const jump = (): void => this.#answer.scrollIntoView();
    const look = { type: 'button', class: 'chip', onclick: jump };
    fill(this.#quick, h('strong', {}, sentenceFor(answer)), h('button', look, 'See the checks'));
  }

  #drawLog(): void {
    const log = drawLog(this.#tries, this.#compared, {
      again: ({ request }) => {
        this.#form.write(toDraft(request));
        this.#form.complain(new Map());
        this.#mark(undefined);
        this.#suggest();
      },
      compare: (one) => {
        this.#compared = one;
        this.#draw();
      },
    });
    fill(this.#log, h('h3', {}, 'Tries'), log);
  }
}

const fields: readonly DraftField[] = ['profile', 'method', 'target', 'pasted', 'wait', 'copies', 'signWith'];

function fieldOf(sentence: string): DraftField | undefined {
  if (sentence.startsWith('There is no profile')) return 'profile';
  return fields.find((field) => sentence.startsWith(`${field} must`));
}
