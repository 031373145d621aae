import type { Profile } from '../profile.ts';
import { baseDpop, createProfile } from './base.ts';
const t = { group: 'The token itself', story: '', needs: '', weak: '' } as const;
export const draft: Profile[] = [
  createProfile({ id: 'M00', slug: 'bearer', title: 'Bearer', ...t }),
  createProfile({ id: 'D5', slug: 'd5', title: 'D5', ...t }, { dpop: baseDpop }),
  createProfile({ id: 'D9', slug: 'd9', title: 'D9', ...t }, { dpop: { ...baseDpop, noncePolicy: 'always' } }),
  createProfile({ id: 'AB1', slug: 'ab1', title: 'AB1', ...t }, { dpop: { ...baseDpop, without: ['jkt'] } }),
  createProfile({ id: 'AB2', slug: 'ab2', title: 'AB2', ...t }, { dpop: { ...baseDpop, without: ['htm'] } }),
];
