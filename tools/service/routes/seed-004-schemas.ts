import { id, keyed, limit, rowId, skip } from './schemas.ts';

/** What the lists of seed 004 may be narrowed by. */
export const pageQuery = {
  type: 'object',
  properties: {
    device_type: id,
    device_id: id,
    firmware_id: rowId,
    status: { type: 'string', maxLength: 20 },
    skip,
    limit: limit(1000, 100),
  },
} as const;

export function schemaOf(summary: string, parts: object = {}) {
  return { tags: ['releases'], summary, security: keyed, ...parts };
}
