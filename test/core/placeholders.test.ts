import { describe, expect, it } from 'vitest';
import {
  fillPlaceholders,
  findLeftovers,
  requireFilled,
} from '../../tools/core/release/placeholders.ts';
import { createRedactor } from '../../tools/core/release/redactor.ts';
import { code } from '../support/code.ts';

describe('placeholders', () => {
  const channel = {
    url: 'https://${HOST}/x',
    headers: { Authorization: 'Bearer ${TOKEN}' },
    timeout: 3,
  };

  it('are filled wherever a text stands', () => {
    const filled = fillPlaceholders(channel, { HOST: 'h.example', TOKEN: 'abc' }, 'https');
    expect(filled.settings).toEqual({
      url: 'https://h.example/x',
      headers: { Authorization: 'Bearer abc' },
      timeout: 3,
    });
    expect(filled.missing).toEqual([]);
  });

  it('are all reported when they have no value or an empty one', () => {
    const filled = fillPlaceholders(channel, { TOKEN: '' }, 'https');
    expect(filled.missing).toEqual(['https.url: ${HOST}', 'https.headers.Authorization: ${TOKEN}']);
    expect(filled.settings).toMatchObject({ url: 'https://unset-HOST/x' });
  });

  it('in a value are not filled again', () => {
    const filled = fillPlaceholders({ a: '${A}' }, { A: '${B}', B: 'x' }, 'mqtt');
    expect(filled.settings).toEqual({ a: '${B}' });
  });

  it('stop a live run, stand-ins too', () => {
    expect(code(() => requireFilled(['mqtt.password: ${X}'], []))).toBe('placeholder-missing');
    expect(code(() => requireFilled([], ['https.headers.Authorization: <token>']))).toBe(
      'placeholder-leftover',
    );
    expect(code(() => requireFilled([], []))).toBeUndefined();
  });

  it('differ from stand-ins that somebody forgot', () => {
    expect(
      findLeftovers({ headers: { Authorization: 'Bearer <token>' }, topic: 'a<b' }, 'https'),
    ).toEqual(['https.headers.Authorization: <token>']);
  });
});

describe('the redactor', () => {
  const redact = createRedactor(new Map([['TOKEN', 'hunt/er2']]), {
    password: 'literal-secret',
    topic: 'fleet',
    headers: { Authorization: 'Bearer abcdef' },
  });

  it('shows values from variables by their name', () => {
    expect(redact('answer: hunt/er2 and hunt%2Fer2')).toBe('answer: ${TOKEN} and ${TOKEN}');
  });

  it('hides literal secrets, and leaves ordinary words', () => {
    expect(redact('Bearer abcdef is wrong for literal-secret in fleet')).toBe(
      '*** is wrong for *** in fleet',
    );
    expect(redact('got abcdef; Bearer expected')).toBe('got ***; Bearer expected');
  });

  it('hides credentials in URLs', () => {
    expect(redact('mqtts://user:pw@host/x?token=abc&y=1')).toBe('mqtts://***@host/x?token=***&y=1');
  });
});
