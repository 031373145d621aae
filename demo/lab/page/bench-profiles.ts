import type { Catalogue, ProfileInfo } from '../model.ts';

/** Banks that ask for proofs: with any other the bench has nothing to show. */
export function profilesWithProofs({ profiles }: Catalogue): readonly ProfileInfo[] {
  return profiles.filter(({ parameters }) => 'proof window' in parameters);
}

/** The one that the bench opens with: everything checked that RFC 9449 asks for, one memory for all nodes. */
export function firstProfile(catalogue: Catalogue): string {
  const known = profilesWithProofs(catalogue);
  return (known.find(({ id }) => id === 'D5') ?? known[0])?.id ?? '';
}
