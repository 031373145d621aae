import type { BenchAnswer } from '../model.ts';
import {
  claimMembers,
  type Draft,
  type DraftField,
  headerMembers,
  type MemberDraft,
  type MemberName,
  toText,
} from './bench-draft.ts';
import { createField, type Field, textInput } from './bench-field.ts';
import { h } from './dom.ts';

/** The members of the proof: each as Alice makes it, changed, or left out. */
export interface Members {
  readonly fields: readonly (readonly [DraftField, Field])[];
  readonly group: (title: string, names: readonly DraftField[]) => HTMLElement;
  readonly read: () => Pick<Draft, 'members' | 'moreHeader' | 'moreClaims'>;
  readonly write: (draft: Draft) => void;
  readonly suggest: (alice: BenchAnswer | undefined) => void;
  /** While a pasted proof is sent as it is, nothing here counts. */
  readonly disable: (pasted: boolean) => void;
}

const names: readonly MemberName[] = [...headerMembers, ...claimMembers];

interface Member {
  readonly input: HTMLInputElement;
  readonly out: HTMLInputElement;
}

export function createMembers(): Members {
  const inputs = new Map(names.map((name) => [name, createMember(name)]));
  const moreHeader = textInput({ placeholder: 'further members, as a JSON object' });
  const moreClaims = textInput({ placeholder: 'further members, as a JSON object' });
  const fields: readonly (readonly [DraftField, Field])[] = [
    ...[...inputs].map(
      ([name, { input, out }]) => [name, createField(name, name, input, leaveOut(out))] as const,
    ),
    ['moreHeader', createField('moreHeader', 'more', moreHeader)],
    ['moreClaims', createField('moreClaims', 'more', moreClaims)],
  ];
  const groups: HTMLFieldSetElement[] = [];
  const group = (title: string, wanted: readonly DraftField[]): HTMLElement => {
    const own = fields.filter(([name]) => wanted.includes(name)).map(([, { element }]) => element);
    const element = h('fieldset', { class: 'bench-members' }, h('legend', { class: 'label' }, title), ...own);
    groups.push(element);
    return element;
  };
  return {
    fields,
    group,
    read: () => ({
      members: readMembers(inputs),
      moreHeader: moreHeader.value,
      moreClaims: moreClaims.value,
    }),
    write: (draft) => {
      for (const [name, member] of inputs) writeMember(member, draft.members[name]);
      moreHeader.value = draft.moreHeader;
      moreClaims.value = draft.moreClaims;
    },
    suggest: (alice) => suggest(inputs, alice),
    disable: (pasted) => {
      for (const element of groups) element.disabled = pasted;
    },
  };
}

function createMember(name: MemberName): Member {
  const input = textInput();
  const out = h('input', { type: 'checkbox', 'aria-label': `leave ${name} out` });
  out.addEventListener('change', () =>
    writeMember({ input, out }, { text: input.value, leftOut: out.checked }),
  );
  return { input, out };
}

function leaveOut(out: HTMLInputElement): HTMLElement {
  return h('label', { class: 'bench-out' }, out, 'leave out');
}

function readMembers(inputs: ReadonlyMap<MemberName, Member>): Record<MemberName, MemberDraft> {
  const drafts = [...inputs].map(
    ([name, { input, out }]) => [name, { text: input.value, leftOut: out.checked }] as const,
  );
  return Object.fromEntries(drafts) as Record<MemberName, MemberDraft>;
}

function writeMember({ input, out }: Member, { text, leftOut }: MemberDraft): void {
  input.value = text;
  out.checked = leftOut;
  input.disabled = leftOut;
}

function suggest(inputs: ReadonlyMap<MemberName, Member>, alice: BenchAnswer | undefined): void {
  const known = { ...toRecord(alice?.header), ...toRecord(alice?.claims) };
  for (const [name, { input }] of inputs) {
    const value = known[name];
    input.placeholder = alice === undefined ? '' : suggestion(name, value);
  }
}

function suggestion(name: MemberName, value: unknown): string {
  if (value === undefined) return 'none';
  if (name === 'iat') return 'now; +600 is in 10 minutes';
  return name === 'jti' ? 'a new one each time' : toText(value);
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
