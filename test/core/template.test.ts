import { describe, expect, it } from 'vitest';
import { expandTemplate, templateVariables } from '../../tools/core/release/template.ts';
import { factsOf } from '../support/deliveries.ts';

const variables = templateVariables(factsOf(Buffer.from('x')));

describe('placeholders', () => {
  it('are filled with what is known of the artifact', () => {
    const template = '{product}|{hardware}|{version}|{artifact}|{filename}|{version}';
    expect(expandTemplate(template, variables)).toBe(
      'Test Gateway|esp32s3|1.2.3|Test Gateway|Test_Gateway-1.2.3.bin|1.2.3',
    );
  });

  it('are encoded as the place demands, and the text around them is not', () => {
    const shout = (value: string) => value.toUpperCase();
    expect(expandTemplate('a/{hardware}', variables, shout)).toBe('a/ESP32S3');
  });

  it('that are unknown are named all at once, with those that are known', () => {
    const expand = () => expandTemplate('{size}/{version}/{Version}/{size}', variables);
    expect(expand).toThrowError(
      '{size} and {Version} cannot be filled; known are {version}, {product}, {hardware}, {artifact}, {filename}',
    );
    expect(expand).toThrowError(expect.objectContaining({ code: 'channel-invalid' }));
  });

  it.each(['{}', '{constructor}', '{__proto__}', '{ version }'])('%s is unknown', (template) => {
    expect(() => expandTemplate(template, variables)).toThrowError('cannot be filled');
  });

  it('a value that looks like a placeholder is only text', () => {
    expect(expandTemplate('{a}', { a: '{b}$&', b: 'x' })).toBe('{b}$&');
  });

  it('braces without a pair stay', () => {
    expect(expandTemplate('a}b{c', variables)).toBe('a}b{c');
  });
});
