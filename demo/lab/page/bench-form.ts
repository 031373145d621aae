import type { BenchAnswer, BenchRequest, Catalogue, ProfileInfo } from '../model.ts';
import { claimMembers, type Draft, type DraftErrors, type DraftField, headerMembers } from './bench-draft.ts';
import { createField, type Field, select, textInput } from './bench-field.ts';
import { createMembers, type Members } from './bench-members.ts';
import { profilesWithProofs } from './bench-profiles.ts';
import { h } from './dom.ts';

/** The form of the bench: which request, and what is changed about Alice's proof for it. */
export interface BenchForm {
  readonly element: HTMLFormElement;
  read(): Draft;
  write(draft: Draft): void;
  /** Shows what Alice's proof has where nothing is changed. */
  suggest(alice: BenchAnswer | undefined): void;
  /** Below the fields; the first of them gets the focus. */
  complain(errors: DraftErrors): void;
}

export interface FormActions {
  readonly send: () => void;
  /** The request itself is another one, so Alice makes another proof. */
  readonly moved: () => void;
  readonly undo: () => void;
}

export function createBenchForm(catalogue: Catalogue, actions: FormActions): BenchForm {
  const controls = createControls(catalogue);
  const members = createMembers();
  const fields = createFields(controls, members);
  const element = layOut(fields, members, actions);
  for (const moving of [controls.profile, controls.method, controls.target])
    moving.addEventListener('change', actions.moved);
  const settle = (): void => members.disable(controls.pasted.value.trim() !== '');
  controls.pasted.addEventListener('input', settle);
  return {
    element,
    read: () => ({ ...readControls(controls), ...members.read() }),
    write: (draft) => {
      writeControls(controls, draft);
      members.write(draft);
      settle();
    },
    suggest: members.suggest,
    complain: (errors) => complain(fields, errors),
  };
}

interface Controls {
  readonly profile: HTMLSelectElement;
  readonly method: HTMLSelectElement;
  readonly target: HTMLInputElement;
  readonly pasted: HTMLTextAreaElement;
  readonly signWith: HTMLSelectElement;
  readonly copies: HTMLSelectElement;
  readonly wait: HTMLInputElement;
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(
  (name) => [name, name] as const,
);

const signers = [
  ['alice', 'Alice’s key'],
  ['thief', 'the thief’s key'],
  ['keep', 'nobody: the old signature stays'],
  ['none', 'nobody: no signature'],
] as const satisfies readonly (readonly [BenchRequest['signWith'], string])[];

const copies = [
  ['1', 'once'],
  ['0', 'not at all'],
  ['2', 'twice'],
] as const;

function createControls(catalogue: Catalogue): Controls {
  return {
    profile: h('select', {}, ...groupProfiles(profilesWithProofs(catalogue))),
    method: select(methods),
    target: textInput({ inputmode: 'url' }),
    pasted: h('textarea', { rows: 2, spellcheck: 'false', autocomplete: 'off' }),
    signWith: select(signers),
    copies: select(copies),
    wait: textInput({ inputmode: 'numeric' }),
  };
}

function groupProfiles(profiles: readonly ProfileInfo[]): readonly HTMLElement[] {
  const groups = [...new Set(profiles.map(({ group }) => group))];
  return groups.map((group) => {
    const own = profiles.filter((profile) => profile.group === group);
    const options = own.map(({ id, title }) => h('option', { value: id }, `${id} ${title}`));
    return h('optgroup', { label: group }, ...options);
  });
}

type Fields = ReadonlyMap<DraftField, Field>;

function createFields(controls: Controls, members: Members): Fields {
  return new Map<DraftField, Field>([
    ['profile', createField('profile', 'Profile of the bank', controls.profile)],
    ['method', createField('method', 'Method', controls.method)],
    ['target', createField('target', 'Path and query', controls.target)],
    ['pasted', createField('pasted', 'A proof to send as it is', controls.pasted)],
    ['signWith', createField('signWith', 'Signed with', controls.signWith)],
    ['copies', createField('copies', 'DPoP header', controls.copies)],
    ['wait', createField('wait', 'Sent after (s)', controls.wait)],
    ...members.fields,
  ]);
}

function layOut(fields: Fields, members: Members, { send, undo }: FormActions): HTMLFormElement {
  const row = (...names: readonly DraftField[]): HTMLElement =>
    h('div', { class: 'bench-row' }, ...names.map((name) => fields.get(name)?.element));
  const submit = (event: Event): void => {
    event.preventDefault();
    send();
  };
  return h(
    'form',
    { class: 'bench-form panel', novalidate: true, onsubmit: submit },
    h('h3', {}, 'The request'),
    row('profile'),
    h(
      'div',
      { class: 'bench-row bench-target' },
      fields.get('method')?.element,
      fields.get('target')?.element,
    ),
    h('h3', {}, 'The proof'),
    h('p', { class: 'muted bench-hint' }, 'Empty: as Alice makes it. The grey text is what she would write.'),
    members.group('Header', [...headerMembers, 'moreHeader']),
    members.group('Claims', [...claimMembers, 'moreClaims']),
    row('signWith', 'copies', 'wait'),
    h('details', { class: 'bench-paste' }, h('summary', {}, 'Paste a proof instead'), row('pasted')),
    h(
      'div',
      { class: 'bench-buttons' },
      h('button', { type: 'submit', class: 'button primary' }, 'Send'),
      h('button', { type: 'button', class: 'button quiet', onclick: undo }, 'Undo all changes'),
    ),
  );
}

function readControls(controls: Controls): Omit<Draft, 'members' | 'moreHeader' | 'moreClaims'> {
  const { profile, method, target, pasted, signWith, copies: times, wait } = controls;
  return {
    profile: profile.value,
    method: method.value,
    target: target.value.trim(),
    pasted: pasted.value,
    signWith: signers.find(([value]) => value === signWith.value)?.[0] ?? 'alice',
    copies: times.value === '0' ? 0 : times.value === '2' ? 2 : 1,
    wait: wait.value.trim(),
  };
}

function writeControls(controls: Controls, draft: Draft): void {
  controls.profile.value = draft.profile;
  controls.method.value = draft.method;
  controls.target.value = draft.target;
  controls.pasted.value = draft.pasted;
  controls.signWith.value = draft.signWith;
  controls.copies.value = String(draft.copies);
  controls.wait.value = draft.wait;
  const paste = controls.pasted.closest('details');
  if (draft.pasted !== '' && paste !== null) paste.open = true;
}

function complain(fields: Fields, errors: DraftErrors): void {
  for (const [name, field] of fields) field.complain(errors.get(name));
  const first = [...fields].find(([name]) => errors.has(name))?.[1].element;
  if (first === undefined) return;
  const folded = first.closest('details');
  if (folded !== null) folded.open = true;
  first.querySelector<HTMLElement>('input, select, textarea')?.focus();
}
