/**
 * What the lab talks about: profiles, thefts, honest users, tries and their events, cells and reports. Data only: the
 * engine fills it in, the command line prints it, the page draws it. Everything here survives JSON.
 */

/** World time in seconds, or a number of seconds. */
export type Seconds = number;

/** Everybody who can send or receive a message. `mallory` is a second customer of the bank: the thief's own account. */
export type PartyId = 'alice' | 'proxy' | 'issuer' | 'bank-a' | 'bank-b' | 'mail' | 'mallory' | 'thief';

/** Where the thief sits: in another country, in Alice's country, or behind Alice's own public address. */
export type Seat = 'elsewhere' | 'country' | 'nat';

/** `quick`: one try, a second after the theft. `full`: the window is searched for. */
export type Mode = 'quick' | 'full';

/** A short word for what decided, such as `jkt`, `exp`, `ip`; `Catalogue.checks` explains each. */
export type CheckId = string;

export type ProfileGroup =
  | 'The token itself'
  | 'Taking a token back'
  | 'Who is asking'
  | 'Browser context'
  | 'Proof of possession'
  | 'DPoP done wrong'
  | 'One check off'
  | 'Together';

/** One way to protect a server: a row of the matrix. */
export interface ProfileInfo {
  /** `M03`, `D5`, `DB2`, `AB4`, `X5`. */
  readonly id: string;
  /** Lower case, hyphens: `short-token`. */
  readonly slug: string;
  readonly title: string;
  readonly group: ProfileGroup;
  /** One sentence: what it does. */
  readonly story: string;
  /** One sentence each: what it costs, and where it is weak. */
  readonly needs: string;
  readonly weak: string;
  /** What tells it apart from another profile; the base M00 has none. */
  readonly basedOn?: string;
  /** Checks that it adds (or, for a mistake, leaves out). */
  readonly adds: readonly CheckId[];
  readonly leavesOut: readonly CheckId[];
  /** Lifetimes and windows in seconds, by name, as shown to people: `access token`, `refresh token`, `proof window`. */
  readonly parameters: Readonly<Record<string, Seconds>>;
}

export type TheftGroup =
  | 'The token alone'
  | 'Whole requests'
  | 'Hostile script, hostile page'
  | 'Device, refresh token, code, cookies'
  | 'Servers, keys, clocks, stores';

export type LootKind =
  | 'access token'
  | 'refresh token'
  | 'proof'
  | 'whole request'
  | 'cookies'
  | 'key'
  | 'code'
  | 'issuer session'
  | 'server secret'
  | 'live page';

/** One theft: a column of the matrix. */
export interface TheftInfo {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly group: TheftGroup;
  /** What the thief must be able to do. */
  readonly ability: string;
  readonly loot: readonly LootKind[];
  /** What happens, one sentence each. */
  readonly steps: readonly string[];
  /** One sentence: what stops it, and why nothing else does. */
  readonly why: string;
  /** `access`: the thief wants in. `harm`: he wants Alice out. */
  readonly aim: 'access' | 'harm';
  /** Whether the time between theft and use is a dimension. */
  readonly timed: boolean;
}

/** One honest user, whom a mitigation must not hurt. */
export interface HonestInfo {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly steps: readonly string[];
  /** What Alice says when she is refused. */
  readonly complaint: string;
}

export interface CheckInfo {
  readonly id: CheckId;
  readonly title: string;
  /** One or two sentences in plain words. */
  readonly meaning: string;
  /** `RFC 9449 4.3 check 9`, where there is one. */
  readonly section?: string;
}

/** Everything there is to choose from, with its texts. */
export interface Catalogue {
  readonly version: string;
  readonly profiles: readonly ProfileInfo[];
  readonly thefts: readonly TheftInfo[];
  readonly honest: readonly HonestInfo[];
  readonly checks: readonly CheckInfo[];
}

/**
 * What came of a theft under a profile.
 *
 * - `works`: for as long as with plain bearer tokens. `narrowed`: for a shorter time. `longer`: for a longer one.
 * - `late`: fails at first and works later. `blocked`: never worked.
 * - `harm`: Alice is shut out. `unharmed`: she is not (thefts whose aim is `harm`).
 * - `void`: what would be stolen does not exist here. `error`: the try broke; nothing is known.
 */
export type Outcome =
  | 'works'
  | 'narrowed'
  | 'longer'
  | 'late'
  | 'blocked'
  | 'harm'
  | 'unharmed'
  | 'void'
  | 'error';

/** When the loot could be used, in seconds after the theft. */
export interface CellWindow {
  /** First and last success that were seen. */
  readonly first: Seconds;
  readonly last: Seconds;
  /** First failure after the last success; `null`: still works after seven days, where the search ends. */
  readonly firstFailure: Seconds | null;
  /** What ended it. */
  readonly endedBy: CheckId | null;
}

/** One theft under one profile from one seat: what was measured. */
export interface Cell {
  readonly profile: string;
  readonly theft: string;
  readonly seat: Seat;
  readonly outcome: Outcome;
  /** Only where the theft worked, is timed, and the mode is `full`. */
  readonly window: CellWindow | null;
  /** What refused the thief (or, for `harm`, Alice); `null` where nothing did. */
  readonly decidedBy: CheckId | null;
  /** Whether Alice's next ordinary request failed, and by what: the corner mark of the cell. */
  readonly hurt: CheckId | null;
  /** Requests sent and worlds built for it, and how long that took. */
  readonly requests: number;
  readonly tries: number;
  readonly milliseconds: number;
  /** Why it is void, or what broke. */
  readonly note?: string;
}

/** One honest user under one profile. */
export interface HonestCell {
  readonly profile: string;
  readonly test: string;
  readonly outcome: 'fine' | 'interrupted' | 'refused' | 'void' | 'error';
  /** How often she had to do something: sign in again, solve a challenge. */
  readonly interruptions: number;
  readonly decidedBy: CheckId | null;
  readonly requests: number;
  readonly milliseconds: number;
  readonly note?: string;
}

/** What one ordinary request costs under a profile, measured with 50 of them. */
export interface CostCell {
  readonly profile: string;
  /** Of Alice's request, in bytes. */
  readonly headerBytes: number;
  /** Requests that one call takes, calls among servers included. */
  readonly requestsPerCall: number;
  /** Median for one call, client and servers together; only good for comparing rows of one run. */
  readonly microseconds: number;
}

/** A whole run. Published as `demo/lab/report.schema.json`. */
export interface Report {
  readonly schema: 1;
  readonly tool: { readonly name: 'holdfast-lab'; readonly version: string };
  readonly runtime: { readonly node: string; readonly os: string };
  /** ISO 8601. */
  readonly started: string;
  readonly seconds: number;
  readonly mode: Mode;
  readonly seats: readonly Seat[];
  /** False where the run was interrupted: what is there was measured, the rest is missing. */
  readonly complete: boolean;
  /** How long the bank was told to wait, real or world time. */
  readonly time: 'world' | 'real';
  readonly processes: 'one' | 'separate';
  readonly profiles: readonly ProfileInfo[];
  readonly thefts: readonly TheftInfo[];
  readonly honestTests: readonly HonestInfo[];
  readonly cells: readonly Cell[];
  readonly honest: readonly HonestCell[];
  readonly cost: readonly CostCell[];
}

/** A header line as sent. */
export type HeaderLine = readonly [name: string, value: string];

/** One check of one request, for the inspector. */
export interface TraceLine {
  readonly name: string;
  /** The short word where the check has one. */
  readonly check: CheckId | null;
  readonly section: string;
  readonly verdict: 'passed' | 'failed' | 'off';
  readonly deciding: boolean;
  /** For people; already text, at most 300 characters. */
  readonly expected: string;
  readonly found: string;
}

export interface LootItem {
  readonly kind: LootKind;
  /** Where it lay: `line 7 of bank A's access log`. */
  readonly where: string;
  /** Shortened for exports. `null` where the thief cannot have it. */
  readonly value: string | null;
  /** Why he cannot have it: `HttpOnly: script cannot read it`. */
  readonly outOfReach?: string;
}

/** What happened in one try, in order. The page draws nothing that is not here. */
export type LabEvent = {
  /** Counts from 1 in each try. */
  readonly seq: number;
  /** World time in seconds since the try began. */
  readonly at: Seconds;
} & (
  | {
      readonly type: 'start';
      readonly profile: string;
      readonly theft: string;
      readonly seat: Seat;
      readonly wait: Seconds;
    }
  /** One sentence of what is going on, as a caption. */
  | { readonly type: 'say'; readonly who: PartyId; readonly text: string }
  /** The world waits. */
  | { readonly type: 'clock'; readonly by: Seconds; readonly why: string }
  | {
      readonly type: 'request';
      /** Names the exchange; the response has the same. */
      readonly id: number;
      readonly from: PartyId;
      readonly to: PartyId;
      readonly method: string;
      /** As the client sees it. */
      readonly url: string;
      readonly headers: readonly HeaderLine[];
      readonly body: string | null;
      readonly address: string;
      /** An earlier exchange whose credentials these are, byte by byte: a replay. */
      readonly copyOf: number | null;
    }
  | {
      readonly type: 'response';
      readonly id: number;
      readonly status: number;
      readonly headers: readonly HeaderLine[];
      readonly body: string | null;
      readonly verdict: 'accepted' | 'refused';
      readonly decidedBy: CheckId | null;
      /** Every check of it, the deciding one marked; empty where nothing is checked. */
      readonly checks: readonly TraceLine[];
      readonly milliseconds: number;
    }
  /** What the thief holds now. */
  | { readonly type: 'loot'; readonly items: readonly LootItem[] }
  /** A message that the thief cannot send: a ghost on the stage. */
  | { readonly type: 'cannot'; readonly to: PartyId; readonly missing: string; readonly text: string }
  | { readonly type: 'alert'; readonly text: string }
  /** What a server remembers: replay memory, deny list, address list. */
  | { readonly type: 'store'; readonly party: PartyId; readonly name: string; readonly size: number }
  | {
      readonly type: 'end';
      readonly outcome: Outcome;
      readonly decidedBy: CheckId | null;
      readonly hurt: CheckId | null;
      readonly text: string;
    }
);

/** One recorded try: what the stage plays. */
export interface Recording {
  readonly profile: string;
  readonly theft: string;
  readonly seat: Seat;
  readonly wait: Seconds;
  /** Checks of the proof that were switched off for this one try. */
  readonly without: readonly CheckId[];
  readonly outcome: Outcome;
  readonly decidedBy: CheckId | null;
  readonly hurt: CheckId | null;
  readonly events: readonly LabEvent[];
}

/** What a run tells while it goes on: one line of the event stream each. */
export type RunEvent =
  | {
      readonly type: 'run.start';
      readonly run: string;
      readonly total: number;
      readonly mode: Mode;
      readonly seats: readonly Seat[];
    }
  | { readonly type: 'cell'; readonly cell: Cell; readonly done: number }
  | { readonly type: 'honest'; readonly cell: HonestCell; readonly done: number }
  | { readonly type: 'cost'; readonly cell: CostCell }
  | {
      readonly type: 'run.end';
      readonly complete: boolean;
      readonly seconds: number;
      readonly reason: string | null;
    };

/** The proof bench: a valid request of Alice's, and what to change about it. */
export interface BenchRequest {
  readonly profile: string;
  readonly method: string;
  /** As sent to the bank, for instance `/accounts?id=1`. */
  readonly target: string;
  /** A proof to send as it is; else it is made from `header` and `claims`. */
  readonly pasted?: string;
  /** Members to put into the proof's header and claims; `null` removes one. `iat` may be `{ "offset": seconds }`. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** `keep`: the signature that the unchanged proof had. `none`: no signature at all. */
  readonly signWith: 'alice' | 'thief' | 'keep' | 'none';
  /** Sends the DPoP header so many times: 0, 1 or 2. */
  readonly copies: 0 | 1 | 2;
  /** Seconds of world time between signing and sending. */
  readonly wait: Seconds;
}

export interface BenchAnswer {
  readonly proof: string;
  readonly header: unknown;
  readonly claims: unknown;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: readonly HeaderLine[];
  };
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: string;
  readonly verdict: 'accepted' | 'refused';
  readonly decidedBy: CheckId | null;
  readonly checks: readonly TraceLine[];
}
