/** As much of OpenAPI 3 as the page shows. */
interface ApiDocument {
  readonly info: { readonly title: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
}

interface ApiOperation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    name: string;
    in: string;
    required?: boolean;
    schema?: object;
  }[];
  readonly requestBody?: { content: Readonly<Record<string, { schema?: BodySchema }>> };
}

interface BodySchema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, object>>;
}

/** A page without scripts: what can be asked, with what, and who may. */
export function renderDocsPage(document: ApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'other'))];
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag);
    return `<h2>${escapeHtml(tag)}</h2>${own.map(renderOperation).join('')}`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(document.info.title)}</title>
<style>${style}</style><h1>${escapeHtml(document.info.title)}</h1>
<p>Machine-readable: <a href="/openapi.json">/openapi.json</a>.</p>${sections.join('')}</html>`;
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code{background:#eef1f4;padding:.1em .3em;border-radius:3px}section{border-top:1px solid #d5dbe1;padding:.5rem 0}
h3{margin:.3rem 0;font-size:1rem}ul{margin:.3rem 0}b{color:#9a3412;font-weight:600}`;

function renderOperation(entry: { path: string; method: string; operation: ApiOperation }): string {
  const { path, method, operation } = entry;
  const parameters = (operation.parameters ?? []).map(({ name, in: place, required, schema }) =>
    line(name, place, required === true, schema),
  );
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  const fields = Object.entries(body?.properties ?? {}).map(([name, schema]) =>
    line(name, 'body', body?.required?.includes(name) === true, schema),
  );
  const key = operation.security === undefined ? '' : ' <b>key</b>';
  return `<section><h3><code>${method.toUpperCase()} ${escapeHtml(path)}</code>${key}</h3>
<div>${escapeHtml(operation.summary ?? '')}</div><ul>${[...parameters, ...fields].join('')}</ul></section>`;
}

function line(name: string, place: string, required: boolean, schema: object | undefined): string {
  const need = required ? ', required' : '';
  return `<li><code>${escapeHtml(name)}</code> ${place}${need} <code>${escapeHtml(JSON.stringify(schema ?? {}))}</code></li>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
