import type { NextFunction, Request, Response } from 'express';

/** What the pages need, and nothing else: no inline script, no foreign one, no frame around them. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A script cannot read the cookies but can send requests with them: so no foreign script may come in. */
export function securityHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  // Nor may the back button show a list of devices after logout.
  response.setHeader('Cache-Control', 'no-store');
  next();
}
