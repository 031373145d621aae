import type { Seat } from '../model.ts';
import { createAnnouncer } from './announcer.ts';
import { createBench } from './bench.ts';
import { fill, h } from './dom.ts';
import { createExposure } from './exposure.ts';
import { createFileSource } from './file-source.ts';
import { createHelp } from './help.ts';
import { createHttpSource } from './http-source.ts';
import { icon } from './icons.ts';
import { type Keys, listenToKeys } from './keyboard.ts';
import { createMatrix } from './matrix.ts';
import { createPredict } from './predict.ts';
import { createReport } from './report.ts';
import { createResults } from './results.ts';
import { readRoute, toHash } from './route.ts';
import { applyTheme, lettersOn, nextTheme, readTheme } from './settings.ts';
import { createStory } from './story.ts';
import type { LabSource, PageContext, View } from './view.ts';

/** The page: its views, one at a time, under a common bar. */

const seats: readonly (readonly [seat: Seat, name: string])[] = [
  ['elsewhere', 'in another country'],
  ['country', 'in Alice’s country'],
  ['nat', 'behind Alice’s address'],
];

class Page {
  readonly #views: readonly View[];
  readonly #seat = h('select', { id: 'seat' });
  readonly #help = createHelp();
  readonly #frameKeys: Keys;
  #theme = readTheme();
  #shown: View | undefined;

  constructor(context: Omit<PageContext, 'seat' | 'go'>) {
    fill(this.#seat, ...seats.map(([value, name]) => h('option', { value }, name)));
    this.#seat.addEventListener('change', () => this.#reseat());
    const whole: PageContext = {
      ...context,
      seat: () => this.#seatNow(),
      go: (...where) => this.#go(...where),
    };
    applyTheme(this.#theme);
    this.#readSeat();
    const creators = [createStory, createMatrix, createExposure, createPredict, createBench, createReport];
    this.#views = creators.map((create) => create(whole));
    this.#frameKeys = this.#createKeys();
    this.#build();
    addEventListener('popstate', () => this.#route());
    listenToKeys(() => [this.#shown?.keys ?? {}, this.#frameKeys], lettersOn);
    this.#route();
  }

  #build(): void {
    const links = this.#views.map(({ name, title }) => h('li', {}, h('a', { href: `#/${name}` }, title)));
    fill(element('tabs'), ...links);
    const seat = h('label', { class: 'seat' }, h('span', {}, 'Thief sits'), this.#seat);
    const help = h(
      'button',
      { type: 'button', id: 'help-button', class: 'button quiet icon-only', 'aria-label': 'Help and keys' },
      icon('help'),
    );
    help.addEventListener('click', () => this.#openHelp());
    fill(element('controls'), seat, this.#themeButton(), help);
    document.querySelector('h1')?.prepend(icon('token'));
    // Its address would be one of a view.
    document.querySelector('.skip')?.addEventListener('click', (event) => {
      event.preventDefault();
      element('main').focus();
    });
    fill(element('main'), ...this.#views.map((view) => view.element));
    document.body.append(this.#help.element);
  }

  #themeButton(): HTMLButtonElement {
    const button = h('button', { type: 'button', id: 'theme', class: 'button quiet icon-only' });
    const paint = (): void => {
      const shape = ({ system: 'system', light: 'sun', dark: 'moon' } as const)[this.#theme];
      const name = this.#theme === 'system' ? 'as the system' : this.#theme;
      fill(button, icon(shape));
      button.setAttribute('aria-label', `Colours: ${name}`);
      button.title = `Colours: ${name}`;
    };
    button.addEventListener('click', () => {
      this.#theme = nextTheme(this.#theme);
      applyTheme(this.#theme);
      paint();
    });
    paint();
    return button;
  }

  #createKeys(): Keys {
    const digits = this.#views.map(
      ({ name, title }, index) => [String(index + 1), { does: title, press: () => this.#go(name) }] as const,
    );
    return {
      ...Object.fromEntries(digits),
      g: { does: 'The grid of the matrix', press: () => this.#goToGrid() },
      p: { does: 'Predict first', press: () => this.#go('predict') },
      e: { does: 'Report and export', press: () => this.#go('report') },
      n: { does: 'Next seat of the thief', press: () => this.#nextSeat() },
      t: { does: 'Light, dark, as the system', press: () => element('theme').click() },
      '?': { does: 'This help', press: () => this.#openHelp() },
    };
  }

  #goToGrid(): void {
    this.#go('matrix');
    this.#shown?.keys['g']?.press();
  }

  #openHelp(): void {
    const { title = '', keys = {} } = this.#shown ?? {};
    this.#help.open([
      [title, keys],
      ['Everywhere', this.#frameKeys],
    ]);
  }

  #seatNow(): Seat {
    return seats[this.#seat.selectedIndex]?.[0] ?? 'elsewhere';
  }

  #nextSeat(): void {
    this.#seat.selectedIndex = (this.#seat.selectedIndex + 1) % seats.length;
    this.#reseat();
  }

  /** The address names the seat, so that it can be passed on. */
  #reseat(): void {
    const { view, path, query } = readRoute(location.hash);
    query.set('seat', this.#seatNow());
    history.replaceState(null, '', toHash(view || 'story', path, Object.fromEntries(query)));
    this.#route();
  }

  #readSeat(): void {
    const asked = readRoute(location.hash).query.get('seat');
    const index = seats.findIndex(([seat]) => seat === asked);
    if (index !== -1) this.#seat.selectedIndex = index;
  }

  #go(...[view, first, second, query = {}]: Parameters<PageContext['go']>): void {
    const path = [first, second].filter((part) => part !== undefined && part !== '');
    const seat: Record<string, string> = this.#seatNow() === 'elsewhere' ? {} : { seat: this.#seatNow() };
    const hash = toHash(view, path.map(String), { ...seat, ...query });
    if (hash !== location.hash) history.pushState(null, '', hash);
    this.#route();
  }

  #route(): void {
    const { view, path, query } = readRoute(location.hash);
    this.#readSeat();
    const name = view === 'cell' ? 'story' : view;
    const next = this.#views.find((one) => one.name === name) ?? this.#views[0];
    if (next === undefined) return;
    if (this.#shown !== next) this.#turnTo(next);
    next.show(path, query);
  }

  #turnTo(next: View): void {
    this.#shown?.hide();
    for (const view of this.#views) view.element.hidden = view !== next;
    for (const link of element('tabs').querySelectorAll('a')) {
      if (link.hash === `#/${next.name}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${next.title} · Stolen-token lab`;
    if (this.#shown !== undefined) arrive();
    this.#shown = next;
  }
}

/** Whoever was inside the view that has gone goes on at the beginning of this one. */
function arrive(): void {
  scrollTo({ top: 0 });
  const focus = document.activeElement ?? document.body;
  // What has just been hidden keeps the focus until the page is drawn anew.
  const gone = focus === document.body || focus.closest('[hidden]') !== null;
  if (gone) element('main').focus({ preventScroll: true });
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}.`);
  return found;
}

async function boot(source: LabSource): Promise<void> {
  const [catalogue, report] = await Promise.all([source.catalogue(), source.report()]);
  const results = createResults(catalogue, report);
  new Page({ source, catalogue, results, announce: createAnnouncer(element('live')) });
}

boot(createFileSource() ?? createHttpSource()).catch((error: unknown) => {
  const sentence = error instanceof Error ? error.message : String(error);
  fill(element('main'), h('p', { class: 'boot', role: 'alert' }, sentence));
});
