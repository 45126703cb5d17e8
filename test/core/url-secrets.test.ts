import { describe, expect, it } from 'vitest';
import { hideValues, maskUrlText } from '../../tools/core/secrets.ts';

describe('what was given as a URL', () => {
  it.each([
    ['https://host/path', 'https://host/path'],
    ['https://jane:pw@host/path', 'https://***@host/path'],
    ['mqtt://jane:p/w@host', 'mqtt://***@host'],
    ['jane:p@w@host', '***@host'],
    ['https://host/?token=abc&x=1', 'https://host/?token=***&x=1'],
    ['https://jane:p\nw@host', 'https://***@host'],
  ])('%j is shown as %j', (text, shown) => {
    expect(maskUrlText(text)).toBe(shown);
  });
});

describe('words of the other side', () => {
  it('lose every secret that they repeat, and nothing else', () => {
    const words = 'got Bearer abcd, abcd; not abc';
    expect(hideValues(words, ['Bearer abcd', 'abcd', 'abc'])).toBe('got ***, ***; not abc');
  });
});
