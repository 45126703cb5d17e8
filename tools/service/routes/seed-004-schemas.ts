import { id, keyed, limit } from './schemas.ts';

/** What the lists of seed 004 may be narrowed by. */
export const pageQuery = {
  type: 'object',
  properties: {
    device_type: id,
    device_id: id,
    firmware_id: { type: 'integer', minimum: 1 },
    status: { type: 'string', maxLength: 20 },
    skip: { type: 'integer', minimum: 0, default: 0 },
    limit: limit(1000, 100),
  },
} as const;

export function schemaOf(summary: string, parts: object = {}) {
  return { tags: ['releases'], summary, security: keyed, ...parts };
}
