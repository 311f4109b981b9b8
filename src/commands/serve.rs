//! `workshop serve`: verifies at each save, and shows the result in a browser.

mod page_state;
mod parts;
mod site;

use std::cell::RefCell;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::context;
use super::learn;
use super::verify_worker::VerifyWorker;
use crate::cli::{Chosen, ServeArgs};
use crate::error::{Error, Result};
use crate::report::print;
use crate::runtime;
use crate::serve::http::{self, Gate};
use site::Site;

/// Serves the page until a signal ends it, which is not an error.
pub fn serve(chosen: &Chosen, args: &ServeArgs) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let stage = context::stage_name(&workspace, args.stage.as_deref())?;
    learn::start_ahead(&workspace, args.no_prefetch);
    let served = runtime::until_stopped(async {
        let listener = listen(args.port).await?;
        let port = listener.local_addr().map_err(|error| Error::new("the port can't be read").because(error))?.port();
        let gate = Gate::new(port).map_err(|error| Error::new("no token can be made").because(error))?;
        let (worker, mut receiver) = VerifyWorker::start(chosen, &stage, args.poll)?;
        let site = RefCell::new(Site::new(chosen.clone(), stage, worker)?);
        print(&format!("{}\n  for a browser on this machine; Ctrl-C ends it\n", gate.address()));
        let take_in = async {
            while let Some(news) = receiver.next().await {
                site.borrow_mut().take_in(news);
            }
        };
        let answer = |asked: &http::AdmittedRequest<'_>| site.borrow_mut().answer(asked);
        tokio::join!(take_in, http::serve(&listener, &gate, &answer));
        Ok(())
    });
    served.map(|_| true)
}

/// On this machine only.
async fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        Error::new(format!("port {port} is not available"))
            .because(error)
            .help("without `--port` the system chooses a free one")
    })
}
