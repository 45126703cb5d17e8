import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runClient } from './child-server.ts';
import { createFolder } from './temporary-workspace.ts';

/** A chain that openssl has made: root, an authority in between, and a server at 127.0.0.1. */
export interface OpensslChain {
  /** The root, PEM. */
  readonly ca: string;
  /** The server's certificate and the one in between, PEM. */
  readonly cert: string;
  readonly key: string;
}

/** Makes a chain; the days count from now, and may be negative. */
export async function createOpensslChain(days: {
  readonly leaf: number;
  readonly between: number;
}): Promise<OpensslChain> {
  const folder = await createFolder({
    'between.ext': 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n',
    'leaf.ext': 'basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n',
  });
  const at = (name: string) => join(folder, name);
  const request = (name: string, subject: string, more: string[]) =>
    runClient('openssl', [
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...[
        '-keyout',
        at(`${name}.key`),
        '-subj',
        `/CN=${subject}`,
        '-out',
        at(`${name}.out`),
        ...more,
      ],
    ]);
  await request('root', 'Test Root', ['-x509', '-days', '3650']);
  for (const [name, subject, above] of [
    ['between', 'Test Intermediate', 'root'],
    ['leaf', 'broker.test', 'between'],
  ] as const) {
    await request(name, subject, []);
    const signed = await runClient('openssl', [
      ...['x509', '-req', '-in', at(`${name}.out`), '-days', String(days[name])],
      ...['-CA', at(`${above}.out`), '-CAkey', at(`${above}.key`), '-CAcreateserial'],
      ...['-extfile', at(`${name}.ext`)],
    ]);
    await writeFile(at(`${name}.out`), signed);
  }
  const read = (name: string) => readFile(at(name), 'utf8');
  return {
    ca: await read('root.out'),
    cert: `${await read('leaf.out')}${await read('between.out')}`,
    key: await read('leaf.key'),
  };
}
