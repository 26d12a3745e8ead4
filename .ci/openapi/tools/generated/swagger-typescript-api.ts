/* eslint-disable */
/* tslint:disable */
// @ts-nocheck
/*
 * ---------------------------------------------------------------
 * ## THIS FILE WAS GENERATED VIA SWAGGER-TYPESCRIPT-API        ##
 * ##                                                           ##
 * ## AUTHOR: acacode                                           ##
 * ## SOURCE: https://github.com/acacode/swagger-typescript-api ##
 * ---------------------------------------------------------------
 */

export interface Login {
  email: string;
  transport: "header" | "cookie";
}

export interface LoggedIn {
  accessToken?: string;
  refreshToken?: string;
}

export interface AuthentifyUnauthorized {
  statusCode: 401;
  /** @example "Unauthorized" */
  message: string;
  errorCode: "invalid_token";
}

export interface AuthentifyError {
  /**
   * The HTTP status.
   * @example 403
   */
  statusCode: number;
  /** @example "Forbidden" */
  message: string;
  /**
   * The name of the HTTP status.
   * @example "Bad Request"
   */
  error?: string;
  /**
   * The cause, for programs: `cross_site_request`, `invalid_request`.
   * @example "cross_site_request"
   */
  errorCode?: string;
}

export interface AuthentifyLoginRequired {
  statusCode: 401;
  /** @example "A more recent login is required" */
  message: string;
  errorCode: "insufficient_user_authentication";
  /**
   * How many seconds ago the login may be.
   * @example 600
   */
  maxAge: number;
}

export interface SessionView {
  film: string;
  seats: number;
}

export interface AuthentifyTokens {
  /** The new access token. */
  accessToken: string;
  /** The new refresh token; null if there is none. */
  refreshToken: string | null;
  /**
   * When the access token expires; null = never.
   * @format date-time
   */
  expiresAt: string | null;
  /**
   * When the refresh token expires; null if there is none.
   * @format date-time
   */
  refreshUntil: string | null;
}

export interface AuthentifyDeadlines {
  /**
   * When the access token expires; null = never.
   * @format date-time
   */
  expiresAt: string | null;
  /**
   * When the refresh token expires; null if there is none.
   * @format date-time
   */
  refreshUntil: string | null;
}

export interface AuthentifyRefreshRequest {
  /** The refresh token of a header session. Leave it out where the token comes in its cookie. */
  refreshToken?: string | null;
}

export interface AuthentifySession {
  /**
   * Stays the same for the whole life of the session.
   * @format uuid
   */
  id: string;
  /** What the app remembers about the session, such as the device. */
  context: Record<string, any>;
  /**
   * When the user logged in.
   * @format date-time
   */
  createdAt: string;
  /**
   * When the session was last refreshed or extended.
   * @format date-time
   */
  lastRefreshedAt: string;
  /**
   * When the access token expires; null = never.
   * @format date-time
   */
  expiresAt: string | null;
  /**
   * When the refresh token expires; null if there is none.
   * @format date-time
   */
  refreshUntil: string | null;
  /** Whether this is the session that sent the request. */
  current: boolean;
}

export type QueryParamsType = Record<string | number, any>;
export type ResponseFormat = keyof Omit<Body, "body" | "bodyUsed">;

export interface FullRequestParams extends Omit<RequestInit, "body"> {
  /** set parameter to `true` for call `securityWorker` for this request */
  secure?: boolean;
  /** request path */
  path: string;
  /** content type of request body */
  type?: ContentType;
  /** query params */
  query?: QueryParamsType;
  /** format of response (i.e. response.json() -> format: "json") */
  format?: ResponseFormat;
  /** request body */
  body?: unknown;
  /** base url */
  baseUrl?: string;
  /** request cancellation token */
  cancelToken?: CancelToken;
}

export type RequestParams = Omit<
  FullRequestParams,
  "body" | "method" | "query" | "path"
>;

export interface ApiConfig<SecurityDataType = unknown> {
  baseUrl?: string;
  baseApiParams?: Omit<RequestParams, "baseUrl" | "cancelToken" | "signal">;
  securityWorker?: (
    securityData: SecurityDataType | null,
  ) => Promise<RequestParams | void> | RequestParams | void;
  customFetch?: typeof fetch;
}

export interface HttpResponse<D extends unknown, E extends unknown = unknown>
  extends Response {
  data: D;
  error: E;
}

type CancelToken = Symbol | string | number;

export type ContentType =
  | "application/json"
  | "application/vnd.api+json"
  | "multipart/form-data"
  | "application/x-www-form-urlencoded"
  | "text/plain";

export class HttpClient<SecurityDataType = unknown> {
  public baseUrl: string = "https://cinema.example";
  private securityData: SecurityDataType | null = null;
  private securityWorker?: ApiConfig<SecurityDataType>["securityWorker"];
  private abortControllers = new Map<CancelToken, AbortController>();
  private customFetch = (...fetchParams: Parameters<typeof fetch>) =>
    fetch(...fetchParams);

  private baseApiParams: RequestParams = {
    credentials: "same-origin",
    headers: {},
    redirect: "follow",
    referrerPolicy: "no-referrer",
  };

  constructor(apiConfig: ApiConfig<SecurityDataType> = {}) {
    Object.assign(this, apiConfig);
  }

  public setSecurityData = (data: SecurityDataType | null) => {
    this.securityData = data;
  };

  protected encodeQueryParam(key: string, value: any) {
    const encodedKey = encodeURIComponent(key);
    return `${encodedKey}=${encodeURIComponent(typeof value === "number" ? value : `${value}`)}`;
  }

  protected addQueryParam(query: QueryParamsType, key: string) {
    return this.encodeQueryParam(key, query[key]);
  }

  protected addArrayQueryParam(query: QueryParamsType, key: string) {
    const value = query[key];
    return value.map((v: any) => this.encodeQueryParam(key, v)).join("&");
  }

  protected toQueryString(rawQuery?: QueryParamsType): string {
    const query = rawQuery || {};
    const keys = Object.keys(query).filter(
      (key) => "undefined" !== typeof query[key],
    );
    return keys
      .map((key) =>
        Array.isArray(query[key])
          ? this.addArrayQueryParam(query, key)
          : this.addQueryParam(query, key),
      )
      .join("&");
  }

  protected addQueryParams(rawQuery?: QueryParamsType): string {
    const queryString = this.toQueryString(rawQuery);
    return queryString ? `?${queryString}` : "";
  }

  private contentFormatters: Record<ContentType, (input: any) => any> = {
    ["application/json"]: (input: any) =>
      input !== null && (typeof input === "object" || typeof input === "string")
        ? JSON.stringify(input)
        : input,
    ["application/vnd.api+json"]: (input: any) =>
      input !== null && (typeof input === "object" || typeof input === "string")
        ? JSON.stringify(input)
        : input,
    ["text/plain"]: (input: any) =>
      input !== null && typeof input !== "string"
        ? JSON.stringify(input)
        : input,
    ["multipart/form-data"]: (input: any) => {
      if (input instanceof FormData) {
        return input;
      }

      return Object.keys(input || {}).reduce((formData, key) => {
        const property = input[key];
        formData.append(
          key,
          property instanceof Blob
            ? property
            : typeof property === "object" && property !== null
              ? JSON.stringify(property)
              : `${property}`,
        );
        return formData;
      }, new FormData());
    },
    ["application/x-www-form-urlencoded"]: (input: any) =>
      this.toQueryString(input),
  };

  protected mergeRequestParams(
    params1: RequestParams,
    params2?: RequestParams,
  ): RequestParams {
    return {
      ...this.baseApiParams,
      ...params1,
      ...(params2 || {}),
      headers: {
        ...(this.baseApiParams.headers || {}),
        ...(params1.headers || {}),
        ...((params2 && params2.headers) || {}),
      },
    };
  }

  protected createAbortSignal = (
    cancelToken: CancelToken,
  ): AbortSignal | undefined => {
    if (this.abortControllers.has(cancelToken)) {
      const abortController = this.abortControllers.get(cancelToken);
      if (abortController) {
        return abortController.signal;
      }
      return void 0;
    }

    const abortController = new AbortController();
    this.abortControllers.set(cancelToken, abortController);
    return abortController.signal;
  };

  public abortRequest = (cancelToken: CancelToken) => {
    const abortController = this.abortControllers.get(cancelToken);

    if (abortController) {
      abortController.abort();
      this.abortControllers.delete(cancelToken);
    }
  };

  public request = async <T = any, E = any>({
    body,
    secure,
    path,
    type,
    query,
    format,
    baseUrl,
    cancelToken,
    ...params
  }: FullRequestParams): Promise<HttpResponse<T, E>> => {
    const secureParams =
      ((typeof secure === "boolean" ? secure : this.baseApiParams.secure) &&
        this.securityWorker &&
        (await this.securityWorker(this.securityData))) ||
      {};
    const requestParams = this.mergeRequestParams(params, secureParams);
    const queryString = query && this.toQueryString(query);
    const payloadFormatter = this.contentFormatters[type || "application/json"];
    const responseFormat = format || requestParams.format;

    return this.customFetch(
      `${baseUrl || this.baseUrl || ""}${path}${queryString ? `?${queryString}` : ""}`,
      {
        ...requestParams,
        headers: {
          ...(requestParams.headers || {}),
          ...(type && type !== "multipart/form-data"
            ? { "Content-Type": type }
            : {}),
        },
        signal:
          (cancelToken
            ? this.createAbortSignal(cancelToken)
            : requestParams.signal) || null,
        body:
          typeof body === "undefined" || body === null
            ? null
            : payloadFormatter(body),
      },
    ).then(async (response) => {
      const r = response as HttpResponse<T, E>;
      r.data = null as unknown as T;
      r.error = null as unknown as E;

      const responseToParse = responseFormat ? response.clone() : response;
      const data = !responseFormat
        ? r
        : await responseToParse[responseFormat]()
            .then((data) => {
              if (r.ok) {
                r.data = data;
              } else {
                r.error = data;
              }
              return r;
            })
            .catch((e) => {
              r.error = e;
              return r;
            });

      if (cancelToken) {
        this.abortControllers.delete(cancelToken);
      }

      if (!response.ok) throw data;
      return data;
    });
  };
}

/**
 * @title Cinema
 * @version 1.0.0
 * @license MIT (https://opensource.org/license/mit)
 * @baseUrl https://cinema.example
 * @contact The cinema <hello@cinema.example> (https://cinema.example)
 *
 * Two user types.
 */
export class Api<
  SecurityDataType extends unknown,
> extends HttpClient<SecurityDataType> {
  customers = {
    /**
     * No description
     *
     * @tags Customers
     * @name CustomersControllerLogin
     * @summary Log in
     * @request POST:/customers/login
     */
    customersControllerLogin: (data: Login, params: RequestParams = {}) =>
      this.request<LoggedIn, any>({
        path: `/customers/login`,
        method: "POST",
        body: data,
        type: "application/json",
        format: "json",
        ...params,
      }),

    /**
     * No description
     *
     * @tags Customers
     * @name CustomersControllerMe
     * @summary Who is logged in
     * @request GET:/customers/me
     * @secure
     */
    customersControllerMe: (params: RequestParams = {}) =>
      this.request<Login, AuthentifyUnauthorized | AuthentifyError>({
        path: `/customers/me`,
        method: "GET",
        secure: true,
        format: "json",
        ...params,
      }),

    /**
     * No description
     *
     * @tags Customers
     * @name CustomersControllerGreeting
     * @summary Greet
     * @request GET:/customers/greeting
     * @secure
     */
    customersControllerGreeting: (params: RequestParams = {}) =>
      this.request<void, AuthentifyUnauthorized | AuthentifyError>({
        path: `/customers/greeting`,
        method: "GET",
        secure: true,
        ...params,
      }),

    /**
     * No description
     *
     * @tags Customers
     * @name CustomersControllerClose
     * @summary Delete the account
     * @request POST:/customers/close
     * @secure
     */
    customersControllerClose: (params: RequestParams = {}) =>
      this.request<
        void,
        (AuthentifyUnauthorized | AuthentifyLoginRequired) | AuthentifyError
      >({
        path: `/customers/close`,
        method: "POST",
        secure: true,
        ...params,
      }),
  };
  cinema = {
    /**
     * No description
     *
     * @tags Session
     * @name SessionControllerList
     * @summary A screening
     * @request GET:/cinema/{id}
     * @secure
     */
    sessionControllerList: (id: string, params: RequestParams = {}) =>
      this.request<SessionView, AuthentifyUnauthorized | AuthentifyError>({
        path: `/cinema/${id}`,
        method: "GET",
        secure: true,
        format: "json",
        ...params,
      }),
  };
  staff = {
    /**
     * No description
     *
     * @tags Staff
     * @name StaffControllerLogin
     * @summary Log in
     * @request POST:/staff/login
     */
    staffControllerLogin: (data: Login, params: RequestParams = {}) =>
      this.request<LoggedIn, any>({
        path: `/staff/login`,
        method: "POST",
        body: data,
        type: "application/json",
        format: "json",
        ...params,
      }),

    /**
     * No description
     *
     * @tags Staff
     * @name StaffControllerMe
     * @summary Who is logged in
     * @request GET:/staff/me
     * @secure
     */
    staffControllerMe: (params: RequestParams = {}) =>
      this.request<Login, AuthentifyUnauthorized | AuthentifyError>({
        path: `/staff/me`,
        method: "GET",
        secure: true,
        format: "json",
        ...params,
      }),

    /**
     * @description A header session sends its refresh token as JSON and gets the new tokens in the body. A cookie session sends no body: its refresh token comes in the cookie, and the new tokens are set as cookies. The old tokens stop working.
     *
     * @tags AuthentifyStaffSession
     * @name AuthentifyStaffSessionRefresh
     * @summary Exchange a refresh token for new tokens
     * @request POST:/staff/auth/refresh
     * @secure
     */
    authentifyStaffSessionRefresh: (
      data?: AuthentifyRefreshRequest,
      params: RequestParams = {},
    ) =>
      this.request<
        AuthentifyTokens | AuthentifyDeadlines,
        AuthentifyError | AuthentifyUnauthorized
      >({
        path: `/staff/auth/refresh`,
        method: "POST",
        body: data,
        secure: true,
        type: "application/json",
        format: "json",
        ...params,
      }),

    /**
     * @description Takes the access token, even an expired one, or the refresh token: as JSON, in the header or in its cookie. The answer is the same for a token that no longer names a session.
     *
     * @tags AuthentifyStaffSession
     * @name AuthentifyStaffSessionLogout
     * @summary Log out: end this session
     * @request POST:/staff/auth/logout
     * @secure
     */
    authentifyStaffSessionLogout: (
      data?: AuthentifyRefreshRequest,
      params: RequestParams = {},
    ) =>
      this.request<void, AuthentifyError>({
        path: `/staff/auth/logout`,
        method: "POST",
        body: data,
        secure: true,
        type: "application/json",
        ...params,
      }),

    /**
     * @description Logs the user out on every device, this one too.
     *
     * @tags AuthentifyStaffSession
     * @name AuthentifyStaffSessionLogoutAll
     * @summary End all sessions of the user
     * @request POST:/staff/auth/logout-all
     * @secure
     */
    authentifyStaffSessionLogoutAll: (params: RequestParams = {}) =>
      this.request<void, AuthentifyUnauthorized | AuthentifyError>({
        path: `/staff/auth/logout-all`,
        method: "POST",
        secure: true,
        ...params,
      }),

    /**
     * @description Logs the user out on every device but this one.
     *
     * @tags AuthentifyStaffSession
     * @name AuthentifyStaffSessionLogoutOthers
     * @summary End all other sessions of the user
     * @request POST:/staff/auth/logout-others
     * @secure
     */
    authentifyStaffSessionLogoutOthers: (params: RequestParams = {}) =>
      this.request<void, AuthentifyUnauthorized | AuthentifyError>({
        path: `/staff/auth/logout-others`,
        method: "POST",
        secure: true,
        ...params,
      }),

    /**
     * @description Shows where the user is logged in, the newest session first.
     *
     * @tags AuthentifyStaffSession
     * @name AuthentifyStaffSessionList
     * @summary List the sessions of the user
     * @request GET:/staff/auth/sessions
     * @secure
     */
    authentifyStaffSessionList: (params: RequestParams = {}) =>
      this.request<
        AuthentifySession[],
        AuthentifyUnauthorized | AuthentifyError
      >({
        path: `/staff/auth/sessions`,
        method: "GET",
        secure: true,
        format: "json",
        ...params,
      }),

    /**
     * @description Logs the user out on one device.
     *
     * @tags AuthentifyStaffSession
     * @name AuthentifyStaffSessionEnd
     * @summary End one session of the user
     * @request DELETE:/staff/auth/sessions/{id}
     * @secure
     */
    authentifyStaffSessionEnd: (id: string, params: RequestParams = {}) =>
      this.request<void, AuthentifyUnauthorized | AuthentifyError>({
        path: `/staff/auth/sessions/${id}`,
        method: "DELETE",
        secure: true,
        ...params,
      }),
  };
  auth = {
    /**
     * @description A header session sends its refresh token as JSON and gets the new tokens in the body. A cookie session sends no body: its refresh token comes in the cookie, and the new tokens are set as cookies. The old tokens stop working.
     *
     * @tags AuthentifySession
     * @name AuthentifySessionRefresh
     * @summary Exchange a refresh token for new tokens
     * @request POST:/auth/refresh
     * @secure
     */
    authentifySessionRefresh: (
      data?: AuthentifyRefreshRequest,
      params: RequestParams = {},
    ) =>
      this.request<
        AuthentifyTokens | AuthentifyDeadlines,
        AuthentifyError | AuthentifyUnauthorized
      >({
        path: `/auth/refresh`,
        method: "POST",
        body: data,
        secure: true,
        type: "application/json",
        format: "json",
        ...params,
      }),

    /**
     * @description Takes the access token, even an expired one, or the refresh token: as JSON, in the header or in its cookie. The answer is the same for a token that no longer names a session.
     *
     * @tags AuthentifySession
     * @name AuthentifySessionLogout
     * @summary Log out: end this session
     * @request POST:/auth/logout
     * @secure
     */
    authentifySessionLogout: (
      data?: AuthentifyRefreshRequest,
      params: RequestParams = {},
    ) =>
      this.request<void, AuthentifyError>({
        path: `/auth/logout`,
        method: "POST",
        body: data,
        secure: true,
        type: "application/json",
        ...params,
      }),

    /**
     * @description Logs the user out on every device, this one too.
     *
     * @tags AuthentifySession
     * @name AuthentifySessionLogoutAll
     * @summary End all sessions of the user
     * @request POST:/auth/logout-all
     * @secure
     */
    authentifySessionLogoutAll: (params: RequestParams = {}) =>
      this.request<void, AuthentifyUnauthorized | AuthentifyError>({
        path: `/auth/logout-all`,
        method: "POST",
        secure: true,
        ...params,
      }),

    /**
     * @description Logs the user out on every device but this one.
     *
     * @tags AuthentifySession
     * @name AuthentifySessionLogoutOthers
     * @summary End all other sessions of the user
     * @request POST:/auth/logout-others
     * @secure
     */
    authentifySessionLogoutOthers: (params: RequestParams = {}) =>
      this.request<void, AuthentifyUnauthorized | AuthentifyError>({
        path: `/auth/logout-others`,
        method: "POST",
        secure: true,
        ...params,
      }),

    /**
     * @description Shows where the user is logged in, the newest session first.
     *
     * @tags AuthentifySession
     * @name AuthentifySessionList
     * @summary List the sessions of the user
     * @request GET:/auth/sessions
     * @secure
     */
    authentifySessionList: (params: RequestParams = {}) =>
      this.request<
        AuthentifySession[],
        AuthentifyUnauthorized | AuthentifyError
      >({
        path: `/auth/sessions`,
        method: "GET",
        secure: true,
        format: "json",
        ...params,
      }),

    /**
     * @description Logs the user out on one device.
     *
     * @tags AuthentifySession
     * @name AuthentifySessionEnd
     * @summary End one session of the user
     * @request DELETE:/auth/sessions/{id}
     * @secure
     */
    authentifySessionEnd: (id: string, params: RequestParams = {}) =>
      this.request<void, AuthentifyUnauthorized | AuthentifyError>({
        path: `/auth/sessions/${id}`,
        method: "DELETE",
        secure: true,
        ...params,
      }),
  };
}
