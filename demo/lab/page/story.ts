import type { CellWindow, CheckId, Recording } from '../model.ts';
import { type Choice, firstChoice, isKnown, readChoice, sameCell, sameTheft } from './choice.ts';
import { type Chooser, createChooser } from './chooser.ts';
import { boundProfile, toChapter } from './guide.ts';
import { createHero, type Hero } from './hero.ts';
import { createInspector, type Inspector } from './inspector.ts';
import { createThiefPane, type ThiefPane } from './loot.ts';
import { createPlayer, type Player, toStops, worldTime } from './player.ts';
import { createShield, type Shield } from './shield.ts';
import { createStage, type Stage } from './stage.ts';
import { drawnIndexes } from './stage-layout.ts';
import { createFrame, type StoryFrame } from './story-frame.ts';
import { storyKeys } from './story-keys.ts';
import { createStrip, type Strip } from './strip.ts';
import { findDecisive } from './uses.ts';
import type { PageContext, View } from './view.ts';

/** Steal a token, see what comes of it, turn on a shield, steal again. */
export function createStory(context: PageContext): View {
  return new Story(context);
}

class Story implements View {
  readonly name = 'story';
  readonly title = 'Story';
  readonly element: HTMLElement;
  readonly keys: View['keys'];
  readonly #context: PageContext;
  readonly #hero: Hero;
  readonly #shield: Shield;
  readonly #thief: ThiefPane;
  readonly #stage: Stage;
  readonly #player: Player;
  readonly #inspector: Inspector;
  readonly #strip: Strip;
  readonly #chooser: Chooser;
  readonly #frame: StoryFrame;
  #choice: Choice;
  #recording: Recording | undefined;
  /** Position of the stage, in events. */
  #position = 0;
  #told = false;
  /** Counts tries: the answer to an earlier one is not shown any more. */
  #try = 0;
  /** The address follows what was chosen here; an address from elsewhere is played. */
  #isChoosing = false;
  #refresh: ReturnType<typeof setTimeout> | undefined;

  constructor(context: PageContext) {
    this.#context = context;
    this.#choice = firstChoice(context.seat());
    const { catalogue } = context;
    this.#hero = createHero({ next: () => this.#act(), again: () => void this.#steal() });
    this.#shield = createShield(catalogue, {
      profile: (profile) => this.#choose({ profile }),
      wait: (wait) => this.#choose({ wait }),
      search: (kinds) => this.#chooser.open(kinds),
    });
    this.#thief = createThiefPane(() => void this.#steal());
    this.#stage = createStage((exchange) => this.#look(exchange));
    this.#player = createPlayer({ moved: (...moment) => this.#moved(...moment), ended: () => this.#ended() });
    this.#inspector = createInspector({
      catalogue,
      without: context.source.live ? (check) => this.#switchOff(check) : undefined,
      close: () => this.#frame.closeInspector(),
    });
    this.#strip = createStrip(catalogue, (profile, theft) => this.#choose({ profile, theft }, true));
    this.#chooser = createChooser(catalogue, (kind, id) => this.#choose({ [kind]: id }));
    this.#frame = createFrame({
      parts: [
        this.#hero,
        this.#stage,
        this.#player,
        this.#inspector,
        this.#strip,
        this.#thief,
        this.#chooser,
      ],
      shield: this.#shield,
      matrix: () => context.go('matrix'),
      checkOn: () => this.#choose({}, true),
    });
    this.element = this.#frame.element;
    this.keys = storyKeys({
      player: this.#player,
      steal: () => void this.#steal(),
      open: (tab) => this.#open(tab),
      search: () => this.#chooser.open('both'),
      close: () => this.#frame.closeInspector(),
    });
    context.results.watch(() => this.#measured());
    this.#begin();
  }

  show(path: readonly string[], query: URLSearchParams): void {
    const choice = readChoice(path, query, this.#context.seat());
    const { profile, theft } = choice;
    if (!isKnown(choice, this.#context.catalogue))
      this.#frame.notice(`There is no cell ${profile}/${theft} here.`);
    else if (!sameCell(choice, this.#choice)) this.#take(choice, path.length > 1 || this.#hasPlayed(choice));
    else if (path.length > 1 && this.#recording === undefined && !this.#isChoosing) void this.#steal();
    else this.#comeBack();
    if (path.length === 0 && this.#recording === undefined && nothingFocused()) this.#hero.focus();
  }

  hide(): void {
    this.#player.pause();
    this.#hero.counter.stop();
  }

  /** From another view, with everything as it was. */
  #comeBack(): void {
    this.#showStrip();
    if (this.#recording !== undefined && this.#told)
      this.#hero.counter.start(this.#recording, this.#window());
  }

  /** Then another seat or wait is to be seen at once. */
  #hasPlayed(choice: Choice): boolean {
    return this.#recording !== undefined && sameTheft(choice, this.#choice);
  }

  /** Chosen on the page: the address follows. */
  #choose(change: Partial<Choice>, run = this.#recording !== undefined): void {
    this.#take({ ...this.#choice, without: [], ...change }, run);
    const { profile, theft, wait } = this.#choice;
    this.#isChoosing = true;
    this.#context.go('cell', profile, theft, wait === 1 ? {} : { t: String(wait) });
    this.#isChoosing = false;
  }

  #take(choice: Choice, run: boolean): void {
    this.#choice = choice;
    this.#begin();
    if (run) void this.#steal();
  }

  /** Before the theft: nothing has been sent. */
  #begin(): void {
    const { theft } = this.#choice;
    this.#try += 1;
    this.#recording = undefined;
    this.#told = false;
    this.#frame.notice(undefined);
    this.#frame.labOnly(this.#choice.without);
    this.#shield.show(this.#choice);
    const info = this.#context.catalogue.thefts.find(({ id }) => id === theft);
    if (info !== undefined) this.#thief.prepare(info);
    this.#hero.counter.stop();
    this.#inspector.load(undefined);
    this.#stage.load(undefined);
    this.#player.load(undefined, [0], false);
    this.#showStrip();
    this.#tell();
  }

  async #steal(): Promise<void> {
    if (this.#recording !== undefined) this.#begin();
    const current = this.#try;
    this.#hero.busy();
    try {
      const recording = await this.#context.source.record(this.#choice);
      if (current !== this.#try) return;
      if (recording === undefined) throw new Error('This file holds no recording of this theft.');
      this.#play(recording);
    } catch (error) {
      if (current !== this.#try) return;
      this.#tell();
      this.#frame.notice(error instanceof Error ? error.message : String(error));
    }
  }

  #play(recording: Recording): void {
    this.#recording = recording;
    this.#told = false;
    this.#stage.load(recording);
    this.#inspector.load(recording);
    this.#player.load(recording, toStops(drawnIndexes(recording), recording.events.length), true);
  }

  #moved(position: number, travel: number): void {
    const events = (this.#recording?.events ?? []).slice(0, position);
    this.#position = position;
    this.#stage.show(position, travel);
    this.#frame.caption(events.findLast((event) => event.type === 'say' || event.type === 'end')?.text ?? '');
    if (this.#recording !== undefined) this.#thief.show(this.#recording, position);
    const last = events.findLast((event) => event.type === 'response' || event.type === 'request');
    if (last?.type === 'response' || last?.type === 'request') this.#inspect(last.id);
  }

  #ended(): void {
    const recording = this.#recording;
    if (recording === undefined) return;
    const decisive = findDecisive(recording);
    if (decisive !== undefined) this.#inspect(decisive.id, true);
    if (decisive?.response?.verdict === 'refused') this.#inspector.tab('Checks');
    this.#hero.counter.start(recording, this.#window());
    if (this.#told) return;
    this.#told = true;
    this.#tell();
    const { headline, text } = toChapter({ ...this.#choice, recording }, this.#context.catalogue);
    this.#context.announce(`${headline}. ${text}`);
  }

  #inspect(exchange: number, reveal = false): void {
    this.#stage.select(exchange, reveal);
    this.#inspector.show(exchange, worldTime(this.#recording, this.#position));
  }

  /** Chosen on the stage: the inspector comes forward, and playing ends. */
  #look(exchange: number): void {
    this.#player.pause();
    this.#inspect(exchange);
    this.#frame.openInspector();
  }

  #window(): CellWindow | null {
    const { profile, theft, seat } = this.#choice;
    const cells = this.#context.results.report()?.cells ?? [];
    const same = cells.find((cell) => cell.profile === profile && cell.theft === theft && cell.seat === seat);
    return same?.window ?? null;
  }

  /** A run tells of many cells a second: some of that is soon enough here. */
  #measured(): void {
    this.#refresh ??= setTimeout(() => {
      this.#refresh = undefined;
      if (!this.element.hidden) this.#showStrip();
    }, 300);
  }

  #showStrip(): void {
    const { profile, theft, seat } = this.#choice;
    this.#strip.show(profile, theft, seat, this.#context.results.report());
  }

  #tell(): void {
    const { profile, theft } = this.#choice;
    const { profiles, thefts } = this.#context.catalogue;
    const title = profiles.find(({ id }) => id === profile)?.title ?? '';
    const attack = thefts.find(({ id }) => id === theft)?.title ?? '';
    const chapter = toChapter({ profile, theft, recording: this.#recording }, this.#context.catalogue);
    this.#hero.show(chapter, `${profile} ${title} · ${theft} ${attack}`, this.#recording !== undefined);
  }

  #act(): void {
    const { next } = toChapter({ ...this.#choice, recording: this.#recording }, this.#context.catalogue);
    if (this.#recording !== undefined && !this.#told) return;
    if (next.act === 'steal') void this.#steal();
    else if (next.act === 'bind') this.#choose({ profile: boundProfile }, false);
    else if (next.act === 'cleverer') this.#choose({ theft: next.theft }, true);
    else this.#context.go('matrix');
  }

  #switchOff(check: CheckId): void {
    const without = [...new Set([...(this.#recording?.without ?? []), check])];
    this.#take({ ...this.#choice, without }, true);
  }

  #open(tab: 'Checks' | 'Diff'): void {
    this.#inspector.tab(tab);
    this.#frame.openInspector();
    this.#inspector.focus();
  }
}

/** Nobody is anywhere in particular, so the story may begin where it begins. */
function nothingFocused(): boolean {
  return document.activeElement === document.body || document.activeElement?.id === 'main';
}
