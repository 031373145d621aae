import { createHash } from 'node:crypto';
import type { Context } from 'koa';
import { type Html, html } from './html.ts';

/** What people see: plain pages that need no script, and that no other site can frame or post to unseen. */

/** A page, ready to be sent. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Where its forms may lead beside this server: browsers hold redirects after a form to that, too. */
  readonly leadsTo?: string | undefined;
}

export interface SignInPage {
  /** Who the person is signing in for. */
  readonly clientName: string;
  readonly token: string;
  /** The query of the authorization request, to go on with. */
  readonly request: string;
  readonly redirectUri: string;
  /** After an attempt that failed. */
  readonly user?: string;
  readonly problem?: string;
}

export function signInPage({ clientName, token, request, redirectUri, user, problem }: SignInPage): Page {
  const trouble = problem === undefined ? undefined : html`<p class="problem" role="alert">${problem}</p>`;
  const [first, then] = user === undefined ? [' autofocus', ''] : ['', ' autofocus'];
  return {
    title: 'Sign in',
    leadsTo: redirectUri,
    body: html`<h1>Sign in</h1>
<p>to continue to <strong>${clientName}</strong></p>
${trouble}
<form method="post" action="/sign-in">
<input type="hidden" name="token" value="${token}">
<input type="hidden" name="request" value="${request}">
<label for="user">User name</label>
<input id="user" name="user" value="${user}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="100" required${first}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="200" required${then}>
<button class="main">Sign in</button>
</form>
<p class="hint">This is a demo: sign in as <code>alice</code> with the password <code>alice</code>, or as <code>bob</code> with <code>bob</code>.</p>`,
  };
}

export interface ConsentPage {
  readonly clientId: string;
  readonly clientName: string;
  readonly user: string;
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly transaction: string;
  readonly token: string;
}

export function consentPage(consent: ConsentPage): Page {
  const { clientId, clientName, user, scopes, redirectUri } = consent;
  const hidden = html`<input type="hidden" name="transaction" value="${consent.transaction}">
<input type="hidden" name="token" value="${consent.token}">`;
  return {
    title: `Allow ${clientName}?`,
    leadsTo: redirectUri,
    body: html`<h1>Allow ${clientName}?</h1>
<form method="post" action="/consent" class="who">${hidden}
<p>You are signed in as <strong>${user}</strong>. <button class="link" name="decision" value="switch">Not you?</button></p>
</form>
<p><strong>${clientName}</strong> <span class="hint">(<code>${clientId}</code>)</span> asks to:</p>
<ul>
${scopes.map(scopeItem)}</ul>
<form method="post" action="/consent">${hidden}
<div class="choice">
<button name="decision" value="deny">Deny</button>
<button class="main" name="decision" value="allow">Allow</button>
</div>
</form>
<p class="hint">Either way, you then go back to <code>${placeOf(redirectUri)}</code>${isLoopback(redirectUri) ? ', a program on this computer' : undefined}.</p>`,
  };
}

const meanings: ReadonlyMap<string, string> = new Map([
  ['notes:read', 'Read your notes'],
  ['notes:write', 'Write notes in your name'],
]);

function scopeItem(scope: string): Html {
  const meaning = meanings.get(scope);
  const name = html`<code>${scope}</code>`;
  return meaning === undefined
    ? html`<li>${name}</li>
`
    : html`<li>${meaning} <span class="hint">(${name})</span></li>
`;
}

function placeOf(uri: string): string {
  const { host, protocol } = new URL(uri);
  return host === '' ? protocol : host;
}

function isLoopback(uri: string): boolean {
  return /^(?:127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(uri).hostname);
}

export interface EndSessionPage {
  readonly user: string;
  readonly token: string;
  /** What came with the request, to be checked again. */
  readonly fields: Readonly<Record<string, string>>;
  readonly leadsTo: string | undefined;
}

export function endSessionPage({ user, token, fields, leadsTo }: EndSessionPage): Page {
  const hidden = Object.entries({ ...fields, token }).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`,
  );
  return {
    title: 'Sign out?',
    leadsTo,
    body: html`<h1>Sign out?</h1>
<p>You are signed in as <strong>${user}</strong>.</p>
<form method="post" action="/end-session">
${hidden}<button class="main" name="where" value="here">Sign out here</button>
<button name="where" value="everywhere">Sign out everywhere</button>
</form>
<p class="hint">Everywhere: other browsers too, and every application that you have allowed loses its access.</p>`,
  };
}

export function signedOutPage(): Page {
  return {
    title: 'Signed out',
    body: html`<h1>Signed out</h1>
<p>Nobody is signed in with this browser. You can close this page.</p>`,
  };
}

/** For what must not be told to an application, since it is not known who that would be. */
export function errorPage(title: string, text: string): Page {
  return { title, body: html`<h1>${title}</h1>\n<p>${text}</p>` };
}

/** Sends a page with what keeps others from framing it, reading it, or adding to it. */
export function sendPage(ctx: Context, status: number, { title, body, leadsTo }: Page): void {
  ctx.status = status;
  ctx.type = 'html';
  ctx.set(pageHeaders(leadsTo));
  ctx.body = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · holdfast demo</title>
<style>${stylesheet}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`.text;
}

function pageHeaders(leadsTo: string | undefined): Record<string, string> {
  const formAction = leadsTo === undefined ? "'self'" : `'self' ${toSource(leadsTo)}`;
  const policy = [
    "default-src 'none'",
    `style-src '${styleHash}'`,
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '), // [R9449-11.4-02]
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}

/** A policy has no words for an IPv6 address, nor for the host of a scheme that has none: there, the scheme. */
function toSource(uri: string): string {
  const { origin, protocol, hostname } = new URL(uri);
  return origin === 'null' || hostname.startsWith('[') ? protocol : origin;
}

const stylesheet = html`
:root { color-scheme: light dark; --page: #eef1f4; --card: #fff; --text: #1a1f24; --soft: #54606c; --line: #8a95a1; --main: #0b57d0; --on-main: #fff; --problem: #a11b14; --problem-back: #fdeceb; }
@media (prefers-color-scheme: dark) {
:root { --page: #121518; --card: #1d2125; --text: #e8eaed; --soft: #aab3bc; --line: #75808b; --main: #8ab4f8; --on-main: #0a1a33; --problem: #f6b9b4; --problem-back: #3b1f1d; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border-radius: 0.75rem; box-shadow: 0 1px 4px rgb(0 0 0 / 25%); overflow-wrap: anywhere; }
h1 { margin: 0 0 0.5rem; font-size: 1.5rem; line-height: 1.25; }
p, ul { margin: 0 0 1rem; }
ul { padding-left: 1.25rem; }
main > :last-child { margin-bottom: 0; }
label { display: block; margin: 0 0 0.25rem; font-weight: 600; }
input, button { width: 100%; min-height: 2.75rem; padding: 0.5rem 0.75rem; border: 1px solid var(--line); border-radius: 0.5rem; background: transparent; color: inherit; font: inherit; }
input { margin-bottom: 1rem; }
button { margin-bottom: 0.75rem; font-weight: 600; cursor: pointer; }
button.main { border-color: var(--main); background: var(--main); color: var(--on-main); }
button.link { display: inline; width: auto; min-height: 1.5rem; margin: 0; padding: 0; border: 0; color: var(--main); font-weight: 400; text-decoration: underline; }
button:hover { filter: brightness(0.93); }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
.choice { display: flex; gap: 0.75rem; margin-top: 1.5rem; }
.hint { color: var(--soft); font-size: 0.875rem; }
.problem { padding: 0.75rem; border-radius: 0.5rem; background: var(--problem-back); color: var(--problem); }
code { font: 0.95em ui-monospace, monospace; }
`;

const styleHash = `sha256-${createHash('sha256').update(stylesheet.text).digest('base64')}`;
