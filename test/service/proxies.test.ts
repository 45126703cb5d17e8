import { describe, expect, it } from 'vitest';
import { parseProxies } from '../../tools/service/http/proxies.ts';

describe('a trusted proxy', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '::ffff:127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', '10.0.0.1', false],
    ['::1', '::1', true],
    ['127.0.0.1', '', false],
    ['127.0.0.1', 'unknown', false],
  ])('%s is recognized: %j is it: %j', (proxy, address, expected) => {
    expect(parseProxies([proxy])(address)).toBe(expected);
  });

  it('is nobody when none is named', () => {
    expect(parseProxies([])('127.0.0.1')).toBe(false);
  });
});
