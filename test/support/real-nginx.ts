import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerTls } from '../../tools/simulator/server.ts';
import type { ChildServer } from './child-server.ts';
import { type Place, startNginxProcess } from './nginx-process.ts';
import { findFreePort } from './peers.ts';

export interface NginxOptions {
  readonly tls?: ServerTls;
  /** Asked for by Basic authentication. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** As nginx writes it: `1m`; no limit when it is left out. */
  readonly maxBodySize?: string;
  /** More lines for the location. */
  readonly more?: readonly string[];
  /** More lines for the server. */
  readonly server?: readonly string[];
}

export interface RealNginx extends ChildServer {
  /** Scheme, 127.0.0.1 and port. */
  readonly url: string;
  readonly port: number;
  /** Where uploads are stored, under the path of their URL. */
  readonly uploads: string;
}

/** Starts nginx on a free port of 127.0.0.1; it stores what is PUT (ngx_http_dav_module). */
export async function startNginx(options: NginxOptions = {}): Promise<RealNginx> {
  const port = await findFreePort();
  const server = await startNginxProcess(async (folder, place) => {
    await mkdir(join(folder, 'uploads'));
    return await serverBlock(options, port, join(folder, 'uploads'), place);
  });
  const scheme = options.tls === undefined ? 'http' : 'https';
  const uploads = join(server.folder, 'uploads');
  return { ...server, url: `${scheme}://127.0.0.1:${port}`, port, uploads };
}

async function serverBlock(
  options: NginxOptions,
  port: number,
  uploads: string,
  place: Place,
): Promise<string> {
  const { tls, credentials, maxBodySize = '0', more = [], server = [] } = options;
  const secure: string[] = [];
  if (tls !== undefined) {
    secure.push(`ssl_certificate ${await place('server.pem', tls.cert)};`);
    secure.push(`ssl_certificate_key ${await place('server.key', tls.key)};`);
    if (tls.clientCa !== undefined) {
      secure.push(`ssl_client_certificate ${await place('clients.pem', tls.clientCa)};`);
      secure.push('ssl_verify_client on;');
    }
  }
  const locked: string[] = [];
  if (credentials !== undefined) {
    const { username, password } = credentials;
    const file = await place('passwords', `${username}:{PLAIN}${password}\n`);
    locked.push('auth_basic firmware;', `auth_basic_user_file ${file};`);
  }
  return `
  server {
    listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'};
    ${secure.join('\n    ')}
    client_max_body_size ${maxBodySize};
    ${server.join('\n    ')}
    location / {
      root ${uploads};
      dav_methods PUT;
      create_full_put_path on;
      ${[...locked, ...more].join('\n      ')}
    }
  }
`;
}
