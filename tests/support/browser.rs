//! A real browser without a window: Debian's Chromium, driven by its chromedriver.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use fantoccini::{Client, ClientBuilder};
use serde_json::json;

use super::support::system::{PATIENCE, POLL};

/// A chromedriver, and the browser that it has started; both end with it.
pub struct Browser {
    driver: Child,
    address: String,
    /// Where to click.
    pub client: Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; none where there is no Chromium. In CI there has to be one.
    pub async fn start(size: (u32, u32)) -> Option<Browser> {
        // A port of its own choice, which it prints.
        let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut driver) = driver else {
            assert!(std::env::var_os("CI").is_none(), "CI has chromedriver (package chromium-driver)");
            println!("skipped: there is no chromedriver here");
            return None;
        };
        let output = BufReader::new(driver.stdout.take().expect("a pipe"));
        let line = output.lines().map_while(Result::ok).find(|line| line.contains("started successfully on port"));
        let port =
            line.expect("chromedriver says where it is").trim_end_matches('.').rsplit(' ').next().map(str::to_owned);
        let profile = tempfile::tempdir().expect("a temporary folder");
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--window-size={},{}", size.0, size.1),
            &format!("--user-data-dir={}", profile.path().display()),
        ]
        .map(str::to_owned);
        let address = format!("127.0.0.1:{}", port.expect("a port"));
        let capabilities = json!({"goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"}});
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().expect("an object").clone())
            .connect(&format!("http://{address}"))
            .await
            .expect("the browser starts");
        Some(Browser { driver, address, client, _profile: profile })
    }

    /// What the browser has said on its console since it was asked last.
    pub async fn console(&self) -> String {
        let session = self.client.session_id().await.expect("known").expect("there is one");
        let (address, body) = (&self.address, "{\"type\":\"browser\"}");
        let asked = format!(
            "POST /session/{session}/se/log HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut driver = TcpStream::connect(address).expect("the driver is there");
        driver.write_all(asked.as_bytes()).expect("asked");
        // It may keep the connection: the answer ends where it says.
        let mut answer = BufReader::new(driver);
        let head: Vec<String> =
            answer.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        assert!(head.first().is_some_and(|status| status.contains("200")), "{head:?}");
        let length =
            head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let mut said = vec![0; length.expect("a length")];
        answer.read_exact(&mut said).expect("answered");
        String::from_utf8(said).expect("JSON")
    }

    /// Ends the browser, then its driver.
    pub async fn end(mut self) {
        self.client.clone().close().await.expect("the browser ends");
        self.driver.kill().and_then(|()| self.driver.wait()).expect("chromedriver ends");
    }
}

/// Waits until something is true in the page.
pub async fn comes(page: &Client, what: &str) {
    let start = Instant::now();
    let asked = format!("return Boolean({what})");
    while page.execute(&asked, vec![]).await.expect("an expression") != true {
        if start.elapsed() > PATIENCE {
            let shown = page.source().await.expect("a page");
            panic!("{what} is not so within {PATIENCE:?}: {shown}");
        }
        tokio::time::sleep(POLL).await;
    }
}
