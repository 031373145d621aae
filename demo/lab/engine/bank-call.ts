import type { AccessTokenClaims } from 'holdfast';
import type Koa from 'koa';
import type { BankNode } from './bank.ts';
import type { Exchange } from './recorder.ts';

/** One request at a bank node, on its way through the mitigations. */
export interface BankCall {
  readonly ctx: Koa.Context;
  readonly node: BankNode;
  readonly exchange: Exchange;
  /** Where the bank believes the client to be: the peer of the socket, unless a mitigation says otherwise. */
  address: string;
  /** What the verified token says; a mitigation's `guard` sets it, else the library's guard does. */
  claims: AccessTokenClaims | undefined;
  /** The only line of a header; `undefined` where there is none. Of several the first. */
  header(name: string): string | undefined;
  /** All lines of a header. */
  lines(name: string): readonly string[];
  /** What a layer in front of the guard translates: all lines of this header become this one, or none. */
  setHeader(name: string, value: string | undefined): void;
  cookie(name: string): string | undefined;
}

export function createBankCall(ctx: Koa.Context, node: BankNode, exchange: Exchange): BankCall {
  const { req } = ctx;
  return {
    ctx,
    node,
    exchange,
    address: exchange.address,
    claims: undefined,
    header: (name) => linesOf(req.rawHeaders, name)[0],
    lines: (name) => linesOf(req.rawHeaders, name),
    setHeader: (name, value) => {
      const kept = without(req.rawHeaders, name);
      req.rawHeaders.splice(0, req.rawHeaders.length, ...kept, ...(value === undefined ? [] : [name, value]));
    },
    cookie: (name) => readCookie(linesOf(req.rawHeaders, 'cookie').join('; '), name),
  };
}

function linesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

function without(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => rawHeaders[index - (index % 2)]?.toLowerCase() !== name);
}

/** Of a `Cookie` header. */
export function readCookie(header: string, name: string): string | undefined {
  const pairs = header
    .split(/; */)
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
  return pairs.find(([key]) => key === name)?.[1];
}
