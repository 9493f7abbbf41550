/** "must be a number" → "Must be a number." The registry writes messages for logs: small, without a stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const upper = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…:]$/.test(upper) ? upper : `${upper}.`;
}
