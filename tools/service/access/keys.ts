import { randomBytes } from 'node:crypto';
import { OtaError } from '../../core/errors.ts';
import type { Catalog } from '../releases/catalog.ts';
import type { Store } from '../store/store.ts';
import { type Actor, hashKey, type Role } from './access.ts';
import type { Audit } from './audit.ts';

/** Keys of administrators, publishers and viewers. */
export interface Keys {
  /**
   * @returns the key, which is shown this once
   * @throws OtaError `key-exists`
   */
  create(name: string, role: Role, ttlS: number | undefined, actor: Actor): Promise<string>;
  /** @throws OtaError `key-unknown` */
  revoke(name: string, actor: Actor): Promise<void>;
}

export function createKeys(store: Store, catalog: Catalog, audit: Audit, now: () => number): Keys {
  return {
    async create(name, role, ttlS, actor) {
      const key = `ota_${randomBytes(32).toString('base64url')}`;
      const row = await store.catalog.addKey(
        {
          name,
          role,
          hash: hashKey(key),
          created_at: now(),
          expires_at: ttlS === undefined ? null : now() + ttlS * 1000,
          revoked_at: null,
        },
        () => audit.entry('key_created', actor, { data: { name, role } }),
      );
      if (row === undefined)
        throw new OtaError('key-exists', `a key named ${JSON.stringify(name)} exists`, {
          hint: 'To rotate a key: create one under a new name, use it, revoke the old one.',
        });
      await catalog.reload();
      return key;
    },
    async revoke(name, actor) {
      const note = () => audit.entry('key_revoked', actor, { data: { name } });
      if ((await store.catalog.revokeKey(name, now(), note)) === undefined)
        throw new OtaError('key-unknown', `there is no key named ${JSON.stringify(name)}`, {
          hint: 'List them: ota admin keys list.',
        });
      await catalog.reload();
    },
  };
}
