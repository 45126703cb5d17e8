import { describe, expect, it } from 'vitest';
import { checkChain } from '../../../tools/core/health/certificate-check.ts';

const now = new Date('2026-06-01T12:00:00Z');
const certificate = (subject: string, until: string, from = '2026-01-01T00:00:00Z') => ({
  subject,
  validFrom: new Date(from),
  validTo: new Date(until),
});
const later = '2027-01-01T00:00:00Z';

describe('the end of a certificate', () => {
  it.each([
    ['2026-05-31T00:00:00Z', 'failed', `the server's certificate "nas" expired on 2026-05-31`],
    ['2026-06-01T11:59:59Z', 'failed', `the server's certificate "nas" expired on 2026-06-01`],
    [
      '2026-06-30T12:00:00Z',
      'warning',
      `the server's certificate "nas" expires on 2026-06-30, in 29 days`,
    ],
    ['2026-07-01T12:00:00Z', 'ok', '1 certificate, valid until 2026-07-01'],
    ['no date', 'failed', `the server's certificate "nas" expired on an unreadable date`],
  ])('%s: %s', (until, status, message) => {
    expect(checkChain('c', [certificate('nas', until)], now)).toMatchObject({
      name: 'c',
      status,
      message,
    });
  });

  it('may be that of an authority above it, which is named', () => {
    const chain = [certificate('nas', later), certificate('R3', '2026-06-11T12:00:00Z')];
    expect(checkChain('c', chain, now)).toMatchObject({
      status: 'warning',
      message: 'the authority "R3" expires on 2026-06-11, in 10 days',
    });
  });

  it('is told of every certificate that is about to end; an expired one fails', () => {
    const chain = [
      certificate('nas', '2026-06-11T12:00:00Z'),
      certificate('R3', '2026-05-01T00:00:00Z'),
      certificate('X1', later),
    ];
    expect(checkChain('c', chain, now)).toEqual({
      name: 'c',
      status: 'failed',
      message:
        'the server\'s certificate "nas" expires on 2026-06-11, in 10 days; the authority "R3" expired on 2026-05-01',
      remedy: 'Renew it now, and let the server present the new one.',
    });
  });

  it('of a whole chain is that of the first to end', () => {
    const chain = [certificate('nas', later), certificate('R3', '2026-08-01T00:00:00Z')];
    expect(checkChain('c', chain, now).message).toBe(
      '2 certificates, valid until 2026-08-01, the end of "R3"',
    );
  });
});

describe('a certificate', () => {
  it('must have begun', () => {
    const chain = [certificate('nas', later, '2026-06-02T00:00:00Z')];
    expect(checkChain('c', chain, now)).toMatchObject({
      status: 'failed',
      message: `the server's certificate "nas" is not valid before 2026-06-02`,
    });
  });

  it('must be there', () => {
    expect(checkChain('c', [], now)).toMatchObject({ status: 'failed' });
  });

  it('is shown without what a terminal would act on', () => {
    const chain = [certificate('\u001b[2J', later), certificate('x', '2026-01-01T00:00:00Z')];
    expect(checkChain('c', chain, now).message).not.toContain('\u001b');
  });
});
