import type { ExportFormat } from './format.ts';

/** All artifacts with SHA256SUMS, as release pages show them: `sha256sum -c SHA256SUMS` checks them. */
export const checksums: ExportFormat = {
  name: 'checksums',
  summary: 'all artifacts with a SHA256SUMS that `sha256sum -c` checks',
  plan({ release }) {
    const { artifacts } = release;
    const lines = artifacts.map(({ sha256, filename }) => `${sha256.toLowerCase()}  ${filename}\n`);
    return [
      ...artifacts.map(({ filename }) => ({ path: filename, copyOf: filename })),
      { path: 'SHA256SUMS', content: lines.join('') },
    ];
  },
};
