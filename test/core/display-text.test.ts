import { describe, expect, it } from 'vitest';
import { displayText, escapeUnsafe, quoted } from '../../tools/core/display-text.ts';

describe('text from outside', () => {
  it.each([
    ['v1.2.3-dirty', 'v1.2.3-dirty'],
    ['grün ✓', 'grün ✓'],
    ['\u001b[31mred\u0007', '\\x1b[31mred\\x07'],
    ['two\r\nlines', 'two\\x0d\\x0alines'],
    ['\u009b31m', '\\x9b31m'],
    ['a\u202eb\u2028c', 'a\\u{202e}b\\u{2028}c'],
    ['\ud800', '\\u{d800}'],
    ['<b>&"', '<b>&"'],
  ])('%j is shown as %s', (text, shown) => {
    expect(displayText(text)).toBe(shown);
  });

  it('stands in quotes inside a sentence', () => {
    expect(quoted('a\tb')).toBe('"a\\x09b"');
  });
});

describe('JSON', () => {
  it('says the same without the characters that a terminal acts on', () => {
    const value = { text: 'a\u009b31m\u202e\u{e0001}\u2028 grün\n' };
    const json = JSON.stringify(value, null, 2);
    const escaped = escapeUnsafe(json);
    expect(escaped).toContain('a\\u009b31m\\u202e\\udb40\\udc01\\u2028 grün\\n');
    expect(JSON.parse(escaped)).toEqual(value);
  });
});
