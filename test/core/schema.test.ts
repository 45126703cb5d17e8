import { describe, expect, it } from 'vitest';
import { defineSchema, didYouMean, formatProblem } from '../../tools/core/schema.ts';

const check = defineSchema({
  $id: 'test:schema',
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: { type: 'string' },
    password: { type: 'string' },
    list: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        properties: {
          id: { type: 'string', pattern: '^a', description: 'text that starts with a' },
        },
      },
    },
    kind: { enum: ['mqtt', 'https'] },
    url: { type: 'string', maxLength: 3 },
  },
});

const lines = (value: unknown): string[] => check(value).map(formatProblem);

describe('schema problems', () => {
  it('are none for a value that conforms', () => {
    expect(lines({ name: 'x', list: [{ id: 'abc' }] })).toEqual([]);
  });

  it('are all reported, not the first', () => {
    expect(lines({ list: [{ id: 1 }], kind: 'http' })).toEqual([
      'the key "name" is missing',
      'list[0].id: must be string, is 1',
      'kind: must be one of mqtt, https, is "http" (did you mean "https"?)',
    ]);
  });

  it('suggest the key that was meant', () => {
    expect(lines({ name: 'x', pasword: 'y' })).toEqual([
      'unknown key "pasword" (did you mean "password"?)',
    ]);
  });

  it('explain a pattern by its description', () => {
    expect(lines({ name: 'x', list: [{ id: 'b' }] })).toEqual([
      'list[0].id: must be text that starts with a, is "b"',
    ]);
  });

  it('never show the value of a secret', () => {
    expect(lines({ name: 'x', password: 12345 })).toEqual(['password: must be string']);
  });

  it('never show the credentials in a URL', () => {
    expect(lines({ name: 'x', url: 'mqtt://user:pw@host' }).join()).not.toContain('pw');
  });
});

describe('did you mean', () => {
  it('finds a slip of the finger', () => {
    expect(didYouMean('deplpy', ['package', 'deploy'])).toBe('deploy');
  });

  it('says nothing when no word is close', () => {
    expect(didYouMean('xyz', ['package', 'deploy'])).toBeUndefined();
  });
});
