/** A browser without a window: keeps cookies, follows redirects within the server, fills in forms. */

/** What a person does on the pages. */
export interface Person {
  /** Default `alice`. */
  readonly user?: string;
  /** Default: the user's name, as the demo's passwords are. */
  readonly password?: string;
  /** Default `allow`. */
  readonly decision?: 'allow' | 'deny';
}

/**
 * Opens an authorization request, signs in where that is asked for, decides, and answers with the address that the client
 * is called back at: `code`, or `error`. Fails, with the page, when it does not come to that.
 */
export async function authorize(
  demo: { readonly authorizationOrigin: string },
  url: string | URL,
  person: Person = {},
): Promise<URL> {
  return new Browser(demo.authorizationOrigin).authorize(url, person);
}

/** What the browser shows, or where it was sent away to. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly forms: readonly Form[];
  /** The address outside the server, where a redirect leads there. */
  readonly away: URL | undefined;
}

export interface Form {
  readonly action: string;
  /** The fields, with the values that the page gave them. */
  readonly fields: Readonly<Record<string, string>>;
  readonly buttons: readonly (readonly [name: string, value: string])[];
}

export class Browser {
  readonly #origin: string;
  readonly cookies: Map<string, string> = new Map();

  constructor(origin: string) {
    this.#origin = origin;
  }

  async authorize(url: string | URL, person: Person = {}): Promise<URL> {
    const { user = 'alice', password = user, decision = 'allow' } = person;
    let page = await this.open(url);
    if (has(page, 'password')) page = await this.submit(page, { user, password }, '/sign-in');
    if (page.away === undefined) page = await this.submit(page, { decision }, '/consent');
    if (page.away !== undefined) return page.away;
    throw new Error(`not sent back to the client: status ${page.status}\n${page.text}`);
  }

  open(url: string | URL, headers: Readonly<Record<string, string>> = {}): Promise<Page> {
    return this.#follow(new URL(url, this.#origin), { headers });
  }

  /** Sends a form as the page gave it, with these values changed, added, or left out where `undefined`. */
  submit(
    page: Page,
    values: Readonly<Record<string, string | undefined>>,
    action?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    const form = page.forms.find((each) => action === undefined || each.action === action);
    if (form === undefined)
      throw new Error(`no form ${action ?? ''}: status ${page.status} of ${page.url}\n${page.text}`);
    const fields = Object.entries({ ...form.fields, ...values });
    const given = fields.filter((field): field is [string, string] => field[1] !== undefined);
    return this.post(form.action, new URLSearchParams(given), headers);
  }

  post(path: string, body: BodyInit, headers: Readonly<Record<string, string>> = {}): Promise<Page> {
    const fromHere = { origin: this.#origin, 'sec-fetch-site': 'same-origin' };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#follow(new URL(path, this.#origin), {
      method: 'POST',
      body,
      headers: { ...form, ...fromHere, ...headers },
    });
  }

  async #follow(url: URL, init: RequestInit): Promise<Page> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(cookie === '' ? {} : { cookie }), ...init.headers };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const location = response.headers.get('location');
    const target = location === null ? undefined : new URL(location, url);
    if (target?.origin === this.#origin) {
      await response.body?.cancel();
      return this.#follow(target, {});
    }
    const text = await response.text();
    return {
      url: url.href,
      status: response.status,
      headers: response.headers,
      text,
      forms: readForms(text),
      away: target,
    };
  }

  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/; *max-age=0/i.test(line)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

/** Whether a page asks for this field. */
export function has(page: Page, field: string): boolean {
  return page.forms.some(({ fields }) => field in fields);
}

function readForms(text: string): Form[] {
  return [...text.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)].map(([, head = '', body = '']) => ({
    action: attributes(head)['action'] ?? '',
    fields: Object.fromEntries(elements(body, 'input')),
    buttons: elements(body, 'button').filter(([name]) => name !== ''),
  }));
}

function elements(text: string, name: string): [string, string][] {
  return [...text.matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'g'))].map(([, head = '']) => {
    const given = attributes(head);
    return [given['name'] ?? '', given['value'] ?? ''];
  });
}

function attributes(head: string): Record<string, string> {
  return Object.fromEntries(
    [...head.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value = '']) => [name, unescapeHtml(value)]),
  );
}

const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};

function unescapeHtml(text: string): string {
  return text.replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? entity);
}
