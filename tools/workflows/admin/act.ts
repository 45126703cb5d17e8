import { OtaError } from '../../core/errors.ts';

/** What an act can be told, by flag. The command line describes each, and has no other besides server and key. */
export const adminOptions = [
  'active',
  'auth',
  'binary-path',
  'build',
  'deadline',
  'description',
  'device',
  'device-id',
  'device-type',
  'downgrade',
  'draft',
  'file',
  'file-hash',
  'file-size',
  'filename',
  'firmware-id',
  'group',
  'id',
  'kind',
  'limit',
  'min-version',
  'name',
  'percentage',
  'public-key',
  'register',
  'release-notes',
  'role',
  'signature',
  'skip',
  'stable',
  'status',
  'subject',
  'target',
  'ttl',
  'type',
  'unsigned',
  'updates',
  'version',
] as const;
export type AdminOption = (typeof adminOptions)[number];

/** Flags by name, `undefined` where not given. */
export type AdminArgs = Readonly<Partial<Record<AdminOption, unknown>>>;

/** One act of an administrator, as a request to the service. */
export interface AdminAct {
  /** The words after `ota admin`. */
  readonly words: string;
  readonly needs: readonly AdminOption[];
  /** At least one of these, besides. */
  readonly needsOneOf?: readonly AdminOption[];
  readonly takes?: readonly AdminOption[];
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path(args: AdminArgs): string;
  /** The body; an entry that is `undefined` is left out, so that nothing is changed that was not given. */
  body?(args: AdminArgs): Record<string, unknown>;
  /** A form with the file of `--file` and the body's entries as fields. */
  readonly form?: true;
  /** Where in the answer that stands which people want to see; default the whole. */
  readonly place?: string;
  /** Of a list; default every key of its first entry. */
  readonly columns?: readonly string[];
  /** Makes what people see of an entry; default all of it. */
  tell?(entry: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

/** Every flag that an act makes something of. */
export function optionsOf({ needs, needsOneOf = [], takes = [] }: AdminAct): AdminOption[] {
  return [...needs, ...needsOneOf, ...takes];
}

/** A value as one segment of a path. */
export function segment(value: unknown): string {
  return encodeURIComponent(String(value));
}

/** A query of what is given; nothing when nothing is. */
export function query(values: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return '';
  return `?${pairs.map(([key, value]) => `${key}=${segment(value)}`).join('&')}`;
}

/**
 * The value of a flag that may be repeated elsewhere, but not here.
 *
 * @throws OtaError `usage`
 */
export function single(args: AdminArgs, name: AdminOption): unknown {
  const values = [args[name]].flat();
  if (values.length <= 1) return values[0];
  throw new OtaError('usage', `--${name} is given ${values.length} times; this takes one`, {
    hint: 'Do it once for each.',
  });
}

/** Which part of a long list. */
export const paging = ['skip', 'limit'] as const satisfies AdminOption[];
