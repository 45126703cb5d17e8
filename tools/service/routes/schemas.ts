/** JSON Schemas that several routes use. */
export const id = { type: 'string', minLength: 1, maxLength: 128 } as const;
export const deviceId = id;
export const version = { type: 'string', minLength: 1, maxLength: 64 } as const;
export const buildNumber = { type: 'integer', minimum: 0, maximum: 2_147_483_647 } as const;
/** A number that the database gave. */
export const rowId = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
export const skip = { type: 'integer', minimum: 0, maximum: 2_147_483_647, default: 0 } as const;
export const hash = { type: 'string', pattern: '^[0-9a-fA-F]{64}$' } as const;
export const chipName = { type: 'string', pattern: '^[a-z0-9]{1,20}$' } as const;
export const longText = { type: ['string', 'null'], maxLength: 60_000 } as const;
/** Seconds, up to ten years. */
export const ttl = { type: 'integer', minimum: 1, maximum: 315_360_000 } as const;
export const flag = { type: 'boolean' } as const;

/** A body with a file in it, as the description shows it. */
export interface FileBody {
  readonly consumes: readonly string[];
  readonly body: object;
}

const binary = { type: 'string', format: 'binary' } as const;

/** A form: the file, and what else it may hold. */
export function formBody(fields: object): FileBody {
  const properties = { file: binary, ...fields };
  return {
    consumes: ['multipart/form-data'],
    body: { type: 'object', required: ['file'], properties },
  };
}

/** The bare bytes. */
export const bytesBody: FileBody = { consumes: ['application/octet-stream'], body: binary };

/** Security of everything below an administrator's key, for the API's description. */
export const keyed = [{ key: [] }, { bearer: [] }];

export function nullable<Type extends string>(
  type: Type,
): { readonly type: readonly [Type, 'null'] } {
  return { type: [type, 'null'] };
}

export function limit(maximum: number, standard: number) {
  return { type: 'integer', minimum: 1, maximum, default: standard } as const;
}

/** Times as ISO 8601 in UTC; the seeds' clients expect nothing else. */
export function isoTime(ms: number): string;
export function isoTime(ms: number | null): string | null;
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
