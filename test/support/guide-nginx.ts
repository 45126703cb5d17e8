import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from '../../tools/simulator/certificates.ts';
import { type ChildServer, startChildServer } from './child-server.ts';
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
  const server = await startChildServer({
    command: 'nginx',
    debianPackage: 'nginx',
    ready: /start worker process \d+/,
    async configure(folder) {
      const place = async (name: string, text: string): Promise<string> => {
        await writeFile(join(folder, name), text);
        return join(folder, name);
      };
      const replacements: [string, string][] = [
        ['443 ssl', `127.0.0.1:${port} ssl`],
        ['/etc/ssl/ota.pem', await place('ota.pem', options.certificate.cert)],
        ['/etc/ssl/ota.key', await place('ota.key', options.certificate.key)],
        ['127.0.0.1:8080', options.service],
      ];
      if (options.devicesCa !== undefined)
        replacements.push(['/etc/ssl/devices-ca.pem', await place('ca.pem', options.devicesCa)]);
      const file = await place(
        'nginx.conf',
        surround(replaceAll(options.text, replacements), folder),
      );
      return ['-p', folder, '-c', file, '-e', 'stderr'];
    },
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

function surround(text: string, folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  return `
daemon off;
# Root would give its workers another user, who cannot read our files; anybody else is told off for this line.
user ${userInfo().username};
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr notice;
events {}
http {
  access_log off;
  gzip on;
  gzip_types *;
  ${temporary.join('\n  ')}
${text}
}
`;
}
