import { dirname } from 'node:path';
import type { RootManifest } from '../../core/release/manifest.ts';
import { noTrust, parseTrust, type Trust } from '../../core/signing/trust.ts';
import { confine } from '../confine.ts';
import type { Workspace } from '../workspace.ts';
import { readKeyText } from './key-file.ts';

/**
 * Whom the product trusts to sign, with the key files that its manifest names.
 *
 * @throws OtaError `path-escapes`, `key-unreadable`, `key-invalid`, `key-unsupported`, `key-mismatch`
 */
export async function readTrust(workspace: Workspace, { product }: RootManifest): Promise<Trust> {
  const { signing } = product;
  if (signing === undefined) return noTrust;
  const texts = new Map<string, string>();
  const folder = dirname(workspace.manifestPath);
  for (const { path } of signing.keys) {
    if (path === undefined) continue;
    texts.set(
      path,
      await readKeyText(await confine(workspace.folders, folder, path, 'product.signing')),
    );
  }
  return parseTrust(signing, ({ public_key, path }) => public_key ?? texts.get(path ?? '') ?? '');
}
