import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTopicTemplate } from '../../../tools/core/fleet/commands/topic-template.ts';

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return;
};

describe('a topic template', () => {
  it('subscribes with + for every level that holds a place', () => {
    const template = parseTopicTemplate('fleet/dev-{device}/ota/{n}', ['device', 'n']);
    expect(template.filter).toBe('fleet/+/ota/+');
    expect(template.expand({ device: 'a1', n: '7' })).toBe('fleet/dev-a1/ota/7');
    expect(template.match('fleet/dev-a1/ota/7')).toEqual({ device: 'a1', n: '7' });
    expect(template.match('fleet/a1/ota/7')).toBeUndefined();
    expect(template.match('fleet/dev-a1/x/ota/7')).toBeUndefined();
  });

  it('reads back what it has written, whatever the device is called', () => {
    const template = parseTopicTemplate('a.b/{device}/(c)', ['device']);
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (device) => {
        fc.pre(!/[/+#\p{Cc}\p{Cs}]/u.test(device));
        expect(template.match(template.expand({ device }))).toEqual({ device });
      }),
    );
  });

  it('lets no device name leave its level', () => {
    const template = parseTopicTemplate('fleet/{device}', ['device']);
    for (const device of ['', 'a/b', '+', '#', 'a\u0000', 'a\nb']) {
      expect(codeOf(() => template.expand({ device }))).toBe('topic-invalid');
    }
  });

  it.each(['', 'a/+/b', 'a/#', '{other}', '{device}/{device}', 'a\u0007b'])(
    'refuses %j',
    (text) => {
      expect(codeOf(() => parseTopicTemplate(text, ['device']))).toBe('topic-invalid');
    },
  );
});
