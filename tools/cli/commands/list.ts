import { displayText } from '../../core/display-text.ts';
import { type ListedVersion, listVersions, type SignatureState } from '../../workflows/list.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { jsonOption, readWorkspace, verboseOption, workspaceOptions } from '../options/options.ts';
import { formatBytes, renderTable } from '../render.ts';
import { renderFindings } from '../views/findings-view.ts';

export const listCommand = defineCommand({
  examples: [
    ['ota list', 'the versions of ota/manifest.json, newest first'],
    ['ota list --json', 'for a machine'],
  ],
  options: (yargs) => yargs.options({ ...workspaceOptions, ...jsonOption, ...verboseOption }),
  async run(args, io) {
    const result = await listVersions({
      ...readWorkspace(args, io),
      now: io.now(),
    });
    const ok = result.findings.length === 0;
    if (args.json) writeJson(io.stdout, { ok, ...result });
    else {
      const { versions, product } = result;
      if (versions.length === 0) {
        line(
          io.stdout,
          `${displayText(product)} has no versions yet: \`ota package --update-manifest\` adds one`,
        );
      } else line(io.stdout, renderTable([head, ...versions.map(toRow)]));
      renderFindings(result.findings, io);
    }
    return ok ? 0 : 1;
  },
});

const head = ['version', 'date (UTC)', 'size', 'chip', 'signed', 'label'] as const;

const signedWords: Readonly<Record<SignatureState, string>> = {
  none: 'no',
  unchecked: 'unchecked',
  valid: 'yes',
  insufficient: 'too few',
  invalid: 'INVALID',
};

function toRow({
  version,
  latest,
  label,
  created_at,
  size,
  chip,
  signatures,
}: ListedVersion): string[] {
  return [
    `${displayText(version)}${latest ? ' (latest)' : ''}`,
    created_at === undefined ? '-' : formatDate(created_at),
    size === undefined ? '-' : formatBytes(size),
    displayText(chip ?? '-'),
    signatures === undefined ? '-' : signedWords[signatures],
    displayText(label ?? ''),
  ];
}

/** `2026-01-31 12:00`; the schema lets dates pass that do not exist. */
function formatDate(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? '-' : date.toISOString().slice(0, 16).replace('T', ' ');
}
