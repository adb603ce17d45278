//! The sweeps as charts, one below the other: cost of a message over size or number, both logarithmic.

use super::steps::points;
use plotters::prelude::*;
use procession_benches::Failure;
use procession_benches::comparison::Outcome;
use std::error::Error;
use std::path::Path;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 260;

/// Draws the charts into a file.
///
/// # Errors
///
/// Fails if the file cannot be written.
pub fn draw(outcomes: &[Outcome], file: &Path) -> Result<(), Failure> {
    try_draw(outcomes, file).map_err(|error| Failure::Wrong(format!("the chart cannot be drawn: {error}")))
}

fn try_draw(outcomes: &[Outcome], file: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, (WIDTH, HEIGHT * outcomes.len().max(1) as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    for (outcome, part) in outcomes.iter().zip(area.split_evenly((outcomes.len().max(1), 1))) {
        draw_one(outcome, &part)?;
    }
    Ok(area.present()?)
}

fn draw_one(
    outcome: &Outcome,
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
) -> Result<(), Box<dyn Error>> {
    let points: Vec<(f64, f64)> =
        points(outcome).iter().filter_map(|point| Some((point.at.parse().ok()?, point.cost / 1e3))).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
    let least = points.iter().map(|point| point.1).fold(f64::MAX, f64::min);
    let most = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, us", outcome.title), ("sans-serif", 14))
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(60)
        .build_cartesian_2d((first.0..last.0 * 1.01).log_scale(), (least / 1.5..most * 1.5).log_scale())?;
    chart.configure_mesh().light_line_style(TRANSPARENT).draw()?;
    chart.draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2)))?;
    chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, BLUE.filled())))?;
    Ok(())
}
