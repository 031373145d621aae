import type { LabEvent, PartyId, Recording } from '../../../demo/lab/model.ts';

/** Recordings as the engine makes them, cut down to what a test is about. */

type Without<T> = T extends unknown ? Omit<T, 'seq' | 'at'> : never;

/** An event without its number and time. */
export type Plain = Without<LabEvent>;

export function recordingOf(events: readonly Plain[], about: Partial<Recording> = {}): Recording {
  return {
    profile: 'D5',
    theft: 'T01',
    seat: 'elsewhere',
    wait: 1,
    without: [],
    outcome: 'blocked',
    decidedBy: null,
    hurt: null,
    ...about,
    events: events.map((event, index) => ({ ...event, seq: index + 1, at: index }) as LabEvent),
  };
}

export const start: Plain = { type: 'start', profile: 'D5', theft: 'T01', seat: 'elsewhere', wait: 1 };

export const loot: Plain = {
  type: 'loot',
  items: [{ kind: 'access token', where: "line 1 of bank A's access log", value: 'token' }],
};

export interface Sent {
  readonly url?: string;
  readonly method?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly copyOf?: number;
}

export function request(id: number, from: PartyId, to: PartyId, sent: Sent = {}): Plain {
  const { url = 'http://127.0.0.3/accounts', method = 'GET', headers = [], copyOf = null } = sent;
  return { type: 'request', id, from, to, method, url, headers, body: null, address: '127.1.0.10', copyOf };
}

/** `decidedBy`: refused by it. */
export function answer(id: number, decidedBy: string | null = null): Plain {
  const refused = decidedBy !== null;
  return {
    type: 'response',
    id,
    status: refused ? 401 : 200,
    headers: [['date', 'Fri, 15 Jan 2027 08:00:00 GMT']],
    body: null,
    verdict: refused ? 'refused' : 'accepted',
    decidedBy,
    checks: [],
    milliseconds: 1,
  };
}

export function exchange(id: number, from: PartyId, to: PartyId, decidedBy: string | null = null): Plain[] {
  return [request(id, from, to), answer(id, decidedBy)];
}
