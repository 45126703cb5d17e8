import { displayText } from '../display-text.ts';
import { failed, type HealthCheck, ok } from './check.ts';

/** One certificate of the chain that a server presents. */
export interface ChainCertificate {
  /** Its common name, or what else tells it from others. */
  readonly subject: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** Certificates that end sooner deserve a warning: renewing takes days where devices are involved. */
const warnDays = 30;
const dayMs = 24 * 3600 * 1000;

/**
 * What the dates of a chain mean on a given day. A chain is as good as its worst certificate, which need not be the
 * server's own: an authority that ends takes everything below it along.
 *
 * @param chain the server's own certificate first, then those that vouch for it
 */
export function checkChain(
  name: string,
  chain: readonly ChainCertificate[],
  now: Date,
): HealthCheck {
  const nextToEnd = [...chain].sort((a, b) => a.validTo.getTime() - b.validTo.getTime())[0];
  if (nextToEnd === undefined) {
    return failed(name, 'the server presents none', 'Give the server a certificate.');
  }
  const found = chain.map((certificate, index) => judge(certificate, index > 0, now));
  const findings = found.filter((finding) => finding !== undefined);
  if (findings.length === 0) {
    const whose = chain.length === 1 ? '' : `, the end of ${quote(nextToEnd)}`;
    const count = `${chain.length} ${chain.length === 1 ? 'certificate' : 'certificates'}`;
    return ok(name, `${count}, valid until ${day(nextToEnd.validTo)}${whose}`);
  }
  const worst = findings.find(({ status }) => status === 'failed') ?? findings[0];
  return {
    ...(worst as HealthCheck),
    name,
    message: findings.map(({ message }) => message).join('; '),
  };
}

function judge(
  certificate: ChainCertificate,
  isAuthority: boolean,
  now: Date,
): Omit<HealthCheck, 'name'> | undefined {
  const { validFrom, validTo } = certificate;
  const who = `${isAuthority ? 'the authority' : "the server's certificate"} ${quote(certificate)}`;
  if (Number.isNaN(validTo.getTime()) || validTo < now) {
    const remedy = 'Renew it now, and let the server present the new one.';
    return { status: 'failed', message: `${who} expired on ${day(validTo)}`, remedy };
  }
  if (validFrom > now) {
    const remedy = 'Check the clock of this machine, and of the one that issued it.';
    return { status: 'failed', message: `${who} is not valid before ${day(validFrom)}`, remedy };
  }
  const days = Math.floor((validTo.getTime() - now.getTime()) / dayMs);
  if (days >= warnDays) return;
  const message = `${who} expires on ${day(validTo)}, in ${days} days`;
  return { status: 'warning', message, remedy: 'Renew it before devices refuse it.' };
}

function quote({ subject }: ChainCertificate): string {
  return `"${displayText(subject)}"`;
}

function day(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'an unreadable date' : date.toISOString().slice(0, 10);
}
