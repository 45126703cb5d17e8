/**
 * What must not reach a terminal, a log or a report as it is: control characters (terminal escapes among
 * them), line separators, marks that reorder or hide text, and halves of surrogate pairs.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Text from outside, fit to be shown: every unsafe character is written as `\x1b` or `\u{202e}`. */
export function displayText(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    return code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u{${digits}}`;
  });
}

/** The same in double quotes, for use inside a sentence. */
export function quoted(text: string): string {
  return `"${displayText(text)}"`;
}

/** JSON in which the characters that `JSON.stringify` leaves and a terminal acts on are written `\\u009b`. */
export function escapeUnsafe(json: string): string {
  return json.replace(/[\u007f-\u009f\u2028\u2029]|\p{Cf}/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
