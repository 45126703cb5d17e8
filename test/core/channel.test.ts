import { describe, expect, it } from 'vitest';
import { parseAssignments } from '../../tools/core/release/assignment.ts';
import { differingSettings, mergeSettings } from '../../tools/core/release/channel.ts';
import { requireNoLiteralSecrets } from '../../tools/core/release/overrides.ts';
import { code } from '../support/code.ts';

describe('merging channel settings', () => {
  const root = { mqtt: { broker: 'b', topic: 'root', tls: { ca: 'x' } }, https: { url: 'u' } };

  it('lets each layer change single keys: root < release < artifact < command line', () => {
    const merged = mergeSettings(
      root,
      { mqtt: { topic: 'release', qos: 0 } },
      { mqtt: { qos: 1, retain: true } },
      { mqtt: { retain: false } },
    );
    expect(merged).toEqual({
      mqtt: { broker: 'b', topic: 'release', tls: { ca: 'x' }, qos: 1, retain: false },
      https: { url: 'u' },
    });
  });

  it('goes deep', () => {
    expect(mergeSettings(root, { mqtt: { tls: { cert: 'y' } } })).toMatchObject({
      mqtt: { tls: { ca: 'x', cert: 'y' } },
    });
  });

  it('removes a key with null', () => {
    expect(mergeSettings(root, { mqtt: { tls: null }, https: null })).toEqual({
      mqtt: { broker: 'b', topic: 'root' },
    });
  });

  it('replaces lists as a whole', () => {
    expect(mergeSettings({ a: [1, 2] }, { a: [3] })).toEqual({ a: [3] });
  });

  it('treats __proto__ as any other key', () => {
    const merged = mergeSettings({}, JSON.parse('{"headers":{"__proto__":{"polluted":true}}}'));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(merged.headers as object)).toEqual(['__proto__']);
  });
});

describe('what an override changes', () => {
  it('leaves out what the root already says', () => {
    expect(
      differingSettings(
        { mqtt: { topic: 't', qos: 1 }, https: { url: 'u' } },
        { mqtt: { topic: 't', qos: 2 }, https: { url: 'u' } },
      ),
    ).toEqual({ mqtt: { qos: 2 } });
  });

  it('keeps a null that removes something, and drops one that does not', () => {
    expect(differingSettings({ mqtt: { ca: 'x' } }, { mqtt: { ca: null, key: null } })).toEqual({
      mqtt: { ca: null },
    });
  });
});

describe('--set', () => {
  it('takes a path and a value, JSON when it is JSON', () => {
    expect(
      parseAssignments([
        'mqtt.topic=a/b=c',
        'mqtt.qos=2',
        'https.headers.X-Ring=1',
        'mqtt.ca=null',
      ]),
    ).toEqual({
      mqtt: { topic: 'a/b=c', qos: 2, ca: null },
      https: { headers: { 'X-Ring': 1 } },
    });
  });

  it.each(['mqtt', 'mqtt=1', 'mqtt.topic', '.a=1', 'mqtt..a=1'])('refuses %s', (word) => {
    expect(code(() => parseAssignments([word]))).toBe('usage');
  });

  it('does not repeat a value that it refuses', () => {
    expect(() => parseAssignments(['password=hunter22'])).toThrow(/got "password"/);
  });
});

describe('overrides that are written into a release', () => {
  it('may hold placeholders for secrets', () => {
    expect(() =>
      requireNoLiteralSecrets({ mqtt: { password: '${PW}', topic: 'x' } }),
    ).not.toThrow();
  });

  it('may not hold secrets', () => {
    expect(
      code(() => requireNoLiteralSecrets({ https: { headers: { Authorization: 'Bearer x' } } })),
    ).toBe('secret-literal');
  });
});
