import type { Catalogue, Outcome, Recording } from '../model.ts';
import { refusalOf } from './refusals.ts';
import { thiefGotIn } from './uses.ts';

/** The thread of the story: what is said above the stage, and what the large button does next. */

export type Act =
  | { readonly act: 'steal'; readonly label: string }
  | { readonly act: 'bind'; readonly label: string }
  | { readonly act: 'cleverer'; readonly label: string; readonly theft: string }
  | { readonly act: 'matrix'; readonly label: string };

export interface Chapter {
  readonly headline: string;
  readonly text: string;
  readonly tone: 'ready' | 'works' | 'blocked' | 'hurts' | 'void';
  readonly next: Act;
}

export interface Scene {
  readonly profile: string;
  readonly theft: string;
  /** Played to its end; `undefined` before the theft. */
  readonly recording: Recording | undefined;
}

export const firstProfile = 'M00';
export const boundProfile = 'D5';
/** Where tokens are bound to keys already, or not as they should be. */
const boundGroups: readonly string[] = [
  'Proof of possession',
  'DPoP done wrong',
  'One check off',
  'Together',
];
/** From the plainest thief to the cleverest. */
export const ladder: readonly string[] = ['T01', 'T02', 'T06', 'T10'];
export const firstTheft = 'T01';

/** What a theft of the ladder is, before anything is known of how it ends. */
const openings: Readonly<Record<string, string>> = {
  T01: 'Every request leaves its access token in the log of a server. Whoever can read the log can read the token.',
  T02: 'The thief copies the whole request, with the proof in it, and sends it once more, byte by byte.',
  T06: 'The thief holds Alice’s request back on its way, so that his is the first use of her proof.',
  T10: 'The thief’s script runs inside Alice’s open page, and lets her own client send what he wants.',
};

export function toChapter(scene: Scene, catalogue: Catalogue): Chapter {
  const { recording } = scene;
  return recording === undefined ? ready(scene, catalogue) : told(scene, recording, catalogue);
}

function ready({ profile, theft }: Scene, catalogue: Catalogue): Chapter {
  const next: Act = { act: 'steal', label: theft === firstTheft ? 'Steal this token' : 'Run this theft' };
  const title = catalogue.thefts.find(({ id }) => id === theft)?.title ?? theft;
  if (theft !== 'T01')
    return { headline: sentence(title), text: openingOf(theft, catalogue), tone: 'ready', next };
  if (profile === firstProfile) {
    const headline = 'Alice’s token lies in a log of her bank';
    return { headline, text: openingOf(theft, catalogue), tone: 'ready', next };
  }
  const story = catalogue.profiles.find(({ id }) => id === profile)?.story ?? '';
  return { headline: 'The same token, the same log', text: story, tone: 'ready', next };
}

function openingOf(theft: string, catalogue: Catalogue): string {
  return openings[theft] ?? catalogue.thefts.find(({ id }) => id === theft)?.steps.join(' ') ?? '';
}

function told(scene: Scene, recording: Recording, catalogue: Catalogue): Chapter {
  // How he goes about the first theft was said before it.
  const opening = recording.theft === firstTheft ? '' : (openings[recording.theft] ?? '');
  const text = `${opening} ${explain(recording, catalogue)} ${switchedOff(recording)}`.trim();
  return { ...verdictOf(recording, catalogue), text, next: nextAct(scene, recording, catalogue) };
}

/** What a refusal means; else the reason why the theft gets so far. */
function explain({ outcome, decidedBy, theft, events }: Recording, catalogue: Catalogue): string {
  const end = events.findLast((event) => event.type === 'end')?.text ?? '';
  const why = catalogue.thefts.find(({ id }) => id === theft)?.why ?? '';
  const meaning = catalogue.checks.find(({ id }) => id === decidedBy)?.meaning;
  if (outcome === 'works' || outcome === 'narrowed' || outcome === 'longer') return why;
  return outcome === 'blocked' ? (meaning ?? why) : `${end} ${why}`;
}

function switchedOff({ without }: Recording): string {
  return without.length === 0 ? '' : `Here the check ${without.join(' and ')} was switched off.`;
}

function verdictOf(
  { outcome, decidedBy }: Recording,
  catalogue: Catalogue,
): Pick<Chapter, 'headline' | 'tone'> {
  const by = decidedBy === null ? '' : `: ${refusalOf(decidedBy, catalogue)}`;
  const words: Readonly<Record<Outcome, Pick<Chapter, 'headline' | 'tone'>>> = {
    works: { headline: 'The thief is in', tone: 'works' },
    narrowed: { headline: 'The thief is in, for a shorter time', tone: 'works' },
    longer: { headline: 'The thief is in, for longer than before', tone: 'works' },
    late: { headline: 'Refused at first, but later the thief is in', tone: 'works' },
    blocked: { headline: `Refused${by}`, tone: 'blocked' },
    harm: { headline: 'The thief is not in, but Alice is out', tone: 'hurts' },
    unharmed: { headline: 'Alice is not harmed', tone: 'blocked' },
    void: { headline: 'There is nothing to steal here', tone: 'void' },
    error: { headline: 'This try broke: nothing is known', tone: 'void' },
  };
  return words[outcome];
}

function nextAct({ profile, theft }: Scene, recording: Recording, catalogue: Catalogue): Act {
  if (profile === boundProfile && recording.without.length === 0) return climb(theft);
  const group = catalogue.profiles.find(({ id }) => id === profile)?.group ?? '';
  const bound = boundGroups.includes(group) || recording.without.length > 0;
  if (bound || !thiefGotIn(recording.outcome)) return { act: 'matrix', label: 'See all thefts' };
  return { act: 'bind', label: 'Turn on DPoP' };
}

function climb(theft: string): Act {
  const step = ladder.indexOf(theft);
  const higher = step === -1 ? undefined : ladder[step + 1];
  if (higher === undefined) return { act: 'matrix', label: 'See all thefts' };
  return {
    act: 'cleverer',
    label: step === 0 ? 'Let the thief be cleverer' : 'Cleverer still',
    theft: higher,
  };
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
