const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * C's `__DATE__` (`Mmm dd yyyy`, day padded with a space) and `__TIME__` as an ISO date and time without
 * zone; `undefined` when either has another form.
 */
export function parseBuildTime(date: string, time: string): string | undefined {
  const parts = /^([A-Z][a-z]{2}) ([ \d]\d) (\d{4})$/.exec(date);
  const month = months.indexOf(parts?.[1] ?? '') + 1;
  if (parts === null || month === 0 || !/^\d{2}:\d{2}:\d{2}$/.test(time)) return undefined;
  const pad = (value: string | number): string => String(value).trim().padStart(2, '0');
  return `${parts[3]}-${pad(month)}-${pad(parts[2] ?? '')}T${time}`;
}
