import type { Snapshot } from '../releases/catalog.ts';
import type { Service } from '../service.ts';
import type { ReleaseRow } from '../store/tables.ts';

/** Where devices must show who they are, download addresses are signed. */
export function demandsLink(
  { settings, catalog }: Pick<Service, 'settings' | 'catalog'>,
  model: string,
): boolean {
  return settings.downloadSecret !== undefined || catalog.current().model(model).auth !== 'open';
}

/** Relative, as in seed 003: its devices put the server in front. The model stands there when it is needed. */
export function downloadUrl(
  service: Pick<Service, 'settings' | 'catalog' | 'links'>,
  row: ReleaseRow,
  device: string,
  catalog: Snapshot,
): string {
  const twins = catalog.releases.filter(
    (other) => other.version === row.version && other.active === 1,
  );
  const query = [
    ...(twins.length > 1 ? [`device_model=${encodeURIComponent(row.model)}`] : []),
    ...(demandsLink(service, row.model) ? [service.links.sign(row.id, device)] : []),
  ].join('&');
  const path = `/api/firmware/download/${encodeURIComponent(row.version)}`;
  return query === '' ? path : `${path}?${query}`;
}
