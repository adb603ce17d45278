//! The results as a chart: one row for each side, how many times slower or faster than ours.

use plotters::prelude::*;
use procession_benches::Failure;
use procession_benches::comparison::Part;
use procession_benches::comparison::outcome::{Outcome, Result as SideResult};
use procession_benches::unit::Unit;
use std::path::Path;

const WIDTH: u32 = 1000;
const ROW: u32 = 18;
const MARGIN: u32 = 60;
/// Where the names end and the bars begin.
const NAMES: i32 = 420;

/// A row of the chart.
enum Row<'a> {
    Title(&'a str),
    Side(&'a SideResult, f64),
}

/// Draws the chart into a file.
///
/// # Errors
///
/// Fails if the file cannot be written.
pub fn draw(outcomes: &[Outcome], file: &Path) -> Result<(), Failure> {
    let rows: Vec<Row<'_>> = outcomes.iter().flat_map(rows_of).collect();
    let height = MARGIN + ROW * rows.len() as u32 + ROW;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    let failed = |error: DrawingAreaErrorKind<_>| Failure::side(error.to_string());
    area.fill(&WHITE).map_err(failed)?;
    let heading = "cost beside procession's, which is 1 (times of it for latencies, rates inverted): longer is slower";
    area.draw(&Text::new(heading, (20, 20), ("sans-serif", 15))).map_err(failed)?;
    let extent = rows.iter().filter_map(|row| match row {
        Row::Side(_, cost) => Some(cost.log10().abs()),
        Row::Title(_) => None,
    });
    let extent = extent.fold(1.0, f64::max).ceil();
    draw_grid(&area, extent, height).map_err(failed)?;
    for (number, row) in rows.iter().enumerate() {
        draw_row(&area, row, (MARGIN + ROW * number as u32) as i32, extent).map_err(failed)?;
    }
    area.present().map_err(failed)
}

fn rows_of(outcome: &Outcome) -> Vec<Row<'_>> {
    let cost = |result: &SideResult| {
        let times = result.ours_in_times().filter(|times| *times > 0.0)?;
        Some(if outcome.unit == Unit::PerSecond { times } else { 1.0 / times })
    };
    let mut rows = vec![Row::Title(&outcome.title)];
    rows.extend(outcome.results.iter().filter_map(|result| Some(Row::Side(result, cost(result)?))));
    rows
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// Where a cost stands; the scale is logarithmic, and 1 is in its middle.
fn place(cost: f64, extent: f64) -> i32 {
    let width = f64::from(WIDTH as i32 - NAMES - 90);
    NAMES + (width * (cost.log10() + extent) / (2.0 * extent)) as i32
}

fn draw_grid<'a>(area: &Area<'a>, extent: f64, height: u32) -> Drawn<'a> {
    for power in -(extent as i32)..=extent as i32 {
        let x = place(10f64.powi(power), extent);
        let line = PathElement::new([(x, 45), (x, (height - ROW) as i32)], RGBColor(210, 210, 210));
        area.draw(&line)?;
        area.draw(&Text::new(format!("{}", 10f64.powi(power)), (x - 6, 32), ("sans-serif", 11)))?;
    }
    Ok(())
}

fn draw_row<'a>(area: &Area<'a>, row: &Row<'_>, y: i32, extent: f64) -> Drawn<'a> {
    match row {
        Row::Title(title) => {
            area.draw(&Text::new(*title, (20, y + 3), ("sans-serif", 13).into_font().style(FontStyle::Bold)))
        }
        Row::Side(result, cost) => {
            area.draw(&Text::new(result.side.name.as_str(), (40, y + 3), ("sans-serif", 12)))?;
            let (one, end) = (place(1.0, extent), place(*cost, extent));
            let bar = [(one.min(end), y + 3), (one.max(end).max(one + 1), y + ROW as i32 - 4)];
            area.draw(&Rectangle::new(bar, colour(result.side.part).filled()))?;
            area.draw(&Text::new(two_digits(*cost), (one.max(end) + 6, y + 3), ("sans-serif", 11)))
        }
    }
}

fn two_digits(cost: f64) -> String {
    let decimals = (1.0 - cost.log10().floor()).max(0.0) as usize;
    format!("{cost:.decimals$}")
}

fn colour(part: Part) -> RGBColor {
    match part {
        Part::Floor => RGBColor(140, 140, 140),
        Part::Ours => RGBColor(20, 110, 180),
        Part::Peer => RGBColor(220, 130, 40),
    }
}
