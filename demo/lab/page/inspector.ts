import type { Catalogue, CheckId, HeaderLine, Recording, Seconds } from '../model.ts';
import { showChecks } from './checks-view.ts';
import { showDiff } from './diff-view.ts';
import { fill, h } from './dom.ts';
import {
  type Exchange,
  findHeader,
  findOriginal,
  toExchanges,
  toRoute,
  toTarget,
  toVerdict,
} from './exchange.ts';
import { icon } from './icons.ts';
import { findEpoch, findToken } from './jwt.ts';
import { showJwt } from './jwt-view.ts';

/** One exchange, looked at from five sides. */
export interface Inspector {
  readonly element: HTMLElement;
  load(recording: Recording | undefined): void;
  /** `at`: world time of the moment that is looked at, since the try began. */
  show(exchange: number, at: Seconds): void;
  tab(name: InspectorTab): void;
  focus(): void;
}

export type InspectorTab = (typeof tabs)[number];

export interface InspectorParts {
  readonly catalogue: Catalogue;
  /** `undefined` where nothing can be sent. */
  readonly without: ((check: CheckId) => void) | undefined;
  readonly close: () => void;
}

const tabs = ['Message', 'Token', 'Proof', 'Checks', 'Diff'] as const;

export function createInspector(parts: InspectorParts): Inspector {
  return new TabbedInspector(parts);
}

class TabbedInspector implements Inspector {
  readonly element: HTMLElement;
  readonly #parts: InspectorParts;
  readonly #title = h('p', { class: 'inspected' });
  readonly #panel = h('div', {
    class: 'inspector-panel',
    role: 'tabpanel',
    id: 'inspector-panel',
    tabindex: 0,
  });
  readonly #buttons: readonly HTMLButtonElement[];
  #tab: InspectorTab = 'Message';
  #recording: Recording | undefined;
  #exchange: Exchange | undefined;
  #at: Seconds = 0;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
    this.#buttons = tabs.map((name) => tabButton(name, () => this.tab(name)));
    const list = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Inspector' }, ...this.#buttons);
    list.addEventListener('keydown', (event) => this.#walk(event));
    const close = {
      type: 'button',
      class: 'button quiet icon-only close',
      'aria-label': 'Close the inspector',
    };
    const head = h(
      'div',
      { class: 'panel-head' },
      h('h2', { class: 'label' }, 'Inspector'),
      h('button', { ...close, onclick: parts.close }, icon('cross')),
    );
    this.element = h('div', { class: 'inspector' }, head, this.#title, list, this.#panel);
    this.#paint();
  }

  load(recording: Recording | undefined): void {
    this.#recording = recording;
    this.#exchange = undefined;
    this.#paint();
  }

  show(exchange: number, at: Seconds): void {
    this.#exchange = toExchanges(this.#recording?.events ?? []).find(({ id }) => id === exchange);
    this.#at = at;
    this.#paint();
  }

  tab(name: InspectorTab): void {
    this.#tab = name;
    this.#paint();
  }

  focus(): void {
    this.#buttons[tabs.indexOf(this.#tab)]?.focus();
  }

  /** Arrow keys, as in every list of tabs. */
  #walk(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1, Home: -9, End: 9 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const now = tabs.indexOf(this.#tab);
    const next =
      Math.abs(step) === 1 ? (now + step + tabs.length) % tabs.length : step < 0 ? 0 : tabs.length - 1;
    this.tab(tabs[next] ?? 'Message');
    this.focus();
  }

  #paint(): void {
    for (const [index, button] of this.#buttons.entries()) {
      const selected = tabs[index] === this.#tab;
      button.setAttribute('aria-selected', String(selected));
      button.tabIndex = selected ? 0 : -1;
    }
    this.#panel.scrollTop = 0;
    this.#panel.setAttribute('aria-labelledby', `tab-${this.#tab}`);
    const exchange = this.#exchange;
    this.#title.hidden = exchange === undefined;
    if (exchange === undefined) fill(this.#panel, nothingYet());
    else this.#paintExchange(exchange);
  }

  #paintExchange(exchange: Exchange): void {
    fill(this.#title, h('strong', {}, toRoute(exchange)), h('span', { class: 'muted' }, toVerdict(exchange)));
    fill(this.#panel, ...this.#content(exchange));
    if (this.#tab === 'Checks') this.#reveal(this.#panel.querySelector('.deciding, .check.off'));
  }

  #content(exchange: Exchange): readonly Node[] {
    switch (this.#tab) {
      case 'Message':
        return showMessage(exchange);
      case 'Token':
        return this.#jwt(findToken(exchange.request.headers)?.value, 'This request carries no access token.');
      case 'Proof':
        return this.#jwt(findHeader(exchange.request.headers, 'dpop'), 'This request carries no proof.');
      case 'Checks':
        return showChecks(exchange, this.#checksContext());
      case 'Diff':
        return showDiff(findOriginal(exchange, toExchanges(this.#recording?.events ?? [])), exchange);
    }
  }

  /** Within the panel alone: the page stays where it is. */
  #reveal(line: Element | null): void {
    if (line === null) return;
    const below = line.getBoundingClientRect().bottom - this.#panel.getBoundingClientRect().bottom;
    if (below > 0) this.#panel.scrollTop += below + 8;
  }

  #checksContext(): Parameters<typeof showChecks>[1] {
    const { catalogue, without } = this.#parts;
    return { catalogue, without: this.#exchange?.request.from === 'issuer' ? undefined : without };
  }

  #jwt(text: string | undefined, nothing: string): readonly Node[] {
    if (text === undefined) return [h('p', { class: 'nothing' }, nothing)];
    const epoch = findEpoch(this.#recording?.events ?? []);
    const checks = this.#exchange?.response?.checks ?? [];
    return showJwt(text, {
      now: epoch === undefined ? undefined : epoch + this.#at,
      checks: new Set(checks.flatMap(({ check }) => (check === null ? [] : [check]))),
      toCheck: (check) => this.#toCheck(check),
    });
  }

  #toCheck(check: CheckId): void {
    this.tab('Checks');
    const line = this.#panel.querySelector<HTMLElement>(`[data-check="${CSS.escape(check)}"]`);
    line?.focus({ preventScroll: true });
    this.#reveal(line);
  }
}

function tabButton(name: InspectorTab, press: () => void): HTMLButtonElement {
  const role = { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': 'inspector-panel' };
  return h('button', { ...role, onclick: press }, name);
}

function nothingYet(): HTMLElement {
  return h(
    'p',
    { class: 'nothing' },
    'Nothing has been sent yet. Click a message on the stage to look into it.',
  );
}

function showMessage({ request, response }: Exchange): readonly Node[] {
  const asked = `${request.method} ${toTarget(request.url)}`;
  const host = URL.canParse(request.url) ? new URL(request.url).host : '';
  const answered = response === undefined ? 'no answer' : String(response.status);
  return [
    messagePart('Request', asked, `to ${host}, from ${request.address}`, request.headers, request.body),
    messagePart('Answer', answered, response?.verdict ?? '', response?.headers ?? [], response?.body ?? null),
  ];
}

function messagePart(
  title: string,
  first: string,
  note: string,
  headers: readonly HeaderLine[],
  body: string | null,
): HTMLElement {
  const rows = headers.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)));
  return h(
    'section',
    { class: 'message-part' },
    h('h3', { class: 'label' }, title),
    h('p', { class: 'first-line' }, h('code', {}, first), h('span', { class: 'muted' }, note)),
    rows.length === 0 ? null : h('dl', { class: 'header-lines' }, ...rows),
    body === null || body === '' ? null : h('pre', { class: 'bytes' }, body),
  );
}
