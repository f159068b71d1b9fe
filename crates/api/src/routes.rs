//! The route table: the API at a glance.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::map_request,
    routing::{get, post},
};

use crate::{documents, export, handlers, legacy, request::Arrival, state::ApiState};

/// Where the user family is found; a trailing slash is taken everywhere (contract §1).
pub(crate) const BASES: [&str; 4] = [
    "/v4/Users",
    "/Users",
    "/UsersOrchestrator/v4/Users",
    "/UsersOrchestrator/Users",
];

/// Makes the routes. Whatever is asked, the answer has the shape of the API that the address belongs to; a panic is the server's to catch (see
/// [`refusal_at`](crate::refusal_at)).
pub fn router(state: ApiState) -> Router {
    // The handlers of users note their routes themselves: a layer costs each request several pieces of memory.
    let mut routes = Router::new()
        .route(documents::OPENAPI, get(documents::openapi))
        .route(documents::PAGE, get(documents::page))
        .route(&format!("{}/", documents::PAGE), get(documents::page_moved))
        .route(documents::STYLE, get(documents::style))
        .layer(map_request(noted));
    for base in BASES {
        for slash in ["", "/"] {
            routes = routes
                .route(&format!("{base}{slash}"), get(handlers::list))
                // `Search` can also be somebody's id.
                .route(
                    &format!("{base}/Search{slash}"),
                    post(handlers::search).get(handlers::by_id),
                )
                .route(&format!("{base}/{{crid}}{slash}"), get(handlers::by_id));
        }
    }
    for address in legacy::ADDRESSES {
        for slash in ["", "/"] {
            routes = routes.route(&format!("{address}{slash}"), get(legacy::read));
        }
    }
    for address in export::ADDRESSES {
        for slash in ["", "/"] {
            routes = routes.route(&format!("{address}{slash}"), post(export::export));
        }
    }
    routes
        .method_not_allowed_fallback(handlers::other_method)
        .fallback(handlers::no_route)
        .with_state(Arc::new(state))
}

async fn noted(request: Request) -> Request {
    if let Some(arrival) = request.extensions().get::<Arrival>() {
        arrival.route.note(request.extensions());
    }
    request
}
