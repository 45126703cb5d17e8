import type { Certificate } from '../../tools/simulator/certificates.ts';
import type { ChildServer } from './child-server.ts';
import { startNginxProcess } from './nginx-process.ts';
import { findFreePort } from './peers.ts';

export interface GuideNginxOptions {
  /** What the guide shows: everything that stands in `http { … }`. */
  readonly text: string;
  /** Host and port of the service. */
  readonly service: string;
  readonly certificate: Certificate;
  /** The authority of devices, when the text asks for one. */
  readonly devicesCa?: string;
}

/** Starts nginx with the text of the guide, but for the places, which are this test's. */
export async function startGuideNginx(
  options: GuideNginxOptions,
): Promise<ChildServer & { readonly url: string; readonly port: number }> {
  const port = await findFreePort();
  const server = await startNginxProcess(async (_folder, place) => {
    const replacements: [string, string][] = [
      ['443 ssl', `127.0.0.1:${port} ssl`],
      ['/etc/ssl/ota.pem', await place('ota.pem', options.certificate.cert)],
      ['/etc/ssl/ota.key', await place('ota.key', options.certificate.key)],
      ['127.0.0.1:8080', options.service],
    ];
    if (options.devicesCa !== undefined)
      replacements.push(['/etc/ssl/devices-ca.pem', await place('ca.pem', options.devicesCa)]);
    return `gzip on;\ngzip_types *;\n${replaceAll(options.text, replacements)}`;
  });
  return { ...server, url: `https://127.0.0.1:${port}`, port };
}

/** Each must be there: a guide that changes must change its test. */
export function replaceAll(text: string, replacements: readonly [string, string][]): string {
  return replacements.reduce((whole, [from, to]) => {
    if (!whole.includes(from)) throw new Error(`the guide does not say ${from} any more`);
    return whole.replaceAll(from, to);
  }, text);
}
